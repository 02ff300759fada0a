# SPDX-License-Identifier: GPL-2.0-or-later
"""Endpoints that are leased: open for as long as somebody holds them, and no longer."""
import json
import os
import signal
import socket
import subprocess

import cli_support
from cli_support import (DEADLINE_SECONDS, NOBODY, PROGRAM, Case, needs_real_root, nft, run,
                         wait_until)

SERVER = "203.0.113.20:1194/udp"
PLACE = ("203.0.113.20", 1194)
SO_MARK = 36
HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/hooks/any-vpn.sh")


class Lease(Case):
    """With a way to the internet that leads nowhere: what is refused says so to the sender."""

    def setUp(self):
        super().setUp()
        for words in (("link", "add", "up0", "type", "veth", "peer", "name", "up1"),
                      ("address", "add", "192.0.2.2/24", "dev", "up0"),
                      ("link", "set", "up1", "up"), ("link", "set", "up0", "up"),
                      ("route", "add", "default", "via", "192.0.2.1"),
                      ("neighbour", "add", "192.0.2.1", "lladdr", "02:00:00:00:00:01", "dev", "up0")):
            done = run("ip", *words)
            if done.returncode != 0:
                self.skipTest("no network to send to: " + done.stderr)

    @staticmethod
    def leaves(place=PLACE, mark=0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            if mark:
                sender.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            try:
                sender.sendto(b"x", place)
            except PermissionError:
                return False
            return True

    def hold(self, *words, only=()):
        """Runs a program that says so, then waits for the end of its input."""
        words = words or ("sh", "-c", "echo runs; cat; exit 7")
        holder = subprocess.Popen([PROGRAM, *self.paths, "endpoint", "allow", SERVER, *only, "--",
                                   *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, holder)
        self.assertEqual(holder.stdout.readline(), b"runs\n", self.log())
        return holder

    @staticmethod
    def end(holder):
        if holder.poll() is None:
            holder.kill()
        holder.stdin.close()
        holder.wait(DEADLINE_SECONDS)
        holder.stdout.close()

    def wait_until_closed(self):
        wait_until(lambda: not self.leaves(), "the endpoint is closed; log: " + self.log())


class Held(Lease):
    def test_an_endpoint_is_open_while_the_program_runs_and_no_longer(self):
        self.start_and_wait()
        self.assertFalse(self.leaves())
        self.ks("disarm", expect=0)
        self.assertTrue(self.leaves())  # Else nothing would be proven.
        self.ks("arm", expect=0)
        holder = self.hold()
        self.assertTrue(self.leaves())
        self.assertFalse(self.leaves((PLACE[0], 1195)))
        self.assertFalse(self.leaves(("203.0.113.21", 1194)))
        holder.stdin.close()
        self.assertEqual(holder.wait(DEADLINE_SECONDS), 7)
        self.wait_until_closed()
        self.assertTrue(self.report(0)["verified"])

    def test_who_holds_it_is_shown(self):
        self.start_and_wait()
        holder = self.hold()
        report = self.report(0)
        (lease,) = report["leases"]
        self.assertEqual(lease["endpoint"], SERVER)
        self.assertRegex(lease["source"], r"lease: pid {}( \(.*\))?$".format(holder.pid))
        self.assertEqual(lease["only"], "")
        self.assertTrue(any(hole.startswith("lease of pid") for hole in report["holes"]))
        self.assertIn(SERVER, self.ks("endpoints", expect=0).stdout)
        shown = " ".join(self.ks("status", expect=0).stdout.split())
        self.assertIn("lease {} for pid {}".format(SERVER, holder.pid), shown)
        listed = json.loads(self.ks("endpoints", "--json", expect=0).stdout)["endpoints"]
        self.assertIn(("", SERVER), [(one["tunnel"], one["endpoint"]) for one in listed])
        self.assertIn("lease: {} may be reached for pid {}".format(SERVER, holder.pid), self.log())

    def test_it_is_narrowed_as_asked(self):
        self.start_and_wait()
        self.hold(only=("--only", "fwmark=0x1234"))
        self.assertFalse(self.leaves())
        self.assertTrue(self.leaves(mark=0x1234))
        self.assertEqual(self.report(0)["leases"][0]["only"], "fwmark=0x1234/0xffffffff")
        self.assertFalse(any("lease" in hole for hole in self.report(0)["holes"]))

    def test_a_holder_that_is_killed_holds_nothing(self):
        self.start_and_wait()
        holder = self.hold()
        self.assertTrue(self.leaves())
        holder.kill()
        self.wait_until_closed()
        self.assertEqual(self.report(0)["leases"], [])

    def test_a_signal_reaches_the_program(self):
        self.start_and_wait()
        holder = self.hold("sh", "-c", "trap 'exit 9' TERM; echo runs; while :; do read _; done")
        holder.send_signal(signal.SIGTERM)
        self.assertEqual(holder.wait(DEADLINE_SECONDS), 9)
        self.wait_until_closed()

    def test_it_ends_with_the_service_and_is_asked_for_again(self):
        self.start_and_wait()
        self.hold()
        self.stop(self.service, signal.SIGTERM)
        self.assertFalse(self.leaves())
        self.start_and_wait()
        wait_until(self.leaves, "the lease is there again; log: " + self.log())

    def test_after_a_service_that_was_killed_the_next_one_knows_nothing_of_it(self):
        self.start_and_wait()
        holder = self.hold()
        holder.send_signal(signal.SIGSTOP)
        self.stop(self.service, signal.SIGKILL)
        self.start_and_wait()
        self.assertFalse(self.leaves())

    def test_a_reload_and_a_removed_socket_are_no_way_to_keep_or_lose_it_silently(self):
        self.start_and_wait()
        self.hold()
        self.ks("reload", expect=0)
        self.assertTrue(self.leaves())
        os.unlink(self.socket_path)
        wait_until(lambda: "every lease ended" in self.log(), "it ends; log: " + self.log())
        wait_until(self.leaves, "the holder has asked again; log: " + self.log())

    def test_the_example_starts_any_client_with_its_server_open(self):
        self.start_and_wait()
        folder = self.dir + "/bin"
        os.mkdir(folder)
        self.write("#!/bin/sh\nexec {} {} \"$@\"\n".format(PROGRAM, " ".join(self.paths)),
                   folder + "/killswitchd", mode=0o755)
        env = {**os.environ, "PATH": folder + ":" + os.environ["PATH"], "KS_ONLY": "fwmark=0x1234"}
        client = subprocess.Popen([HOOK, SERVER, "sh", "-c", "echo runs; cat"], env=env,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, client)
        self.assertEqual(client.stdout.readline(), b"runs\n", self.log())
        self.assertFalse(self.leaves())
        self.assertTrue(self.leaves(mark=0x1234))
        client.stdin.close()
        self.assertEqual(client.wait(DEADLINE_SECONDS), 0)
        wait_until(lambda: not self.leaves(mark=0x1234), "it is closed; log: " + self.log())

    def test_panic_closes_it_too(self):
        self.start_and_wait()
        self.hold()
        self.ks("lock", expect=0)
        self.assertFalse(self.leaves())
        self.ks("unlock", expect=0)
        self.assertTrue(self.leaves())


class Refused(Lease):
    def test_without_a_service_nothing_runs(self):
        done = self.ks("endpoint", "allow", SERVER, "--", "echo", "ran", expect=1)
        self.assertEqual(done.stdout, "")
        self.assertIn("the service does not run", done.stderr)

    def test_what_is_no_endpoint_or_selector_is_a_mistake(self):
        self.start_and_wait()
        for words in ((SERVER.replace("/udp", ""),), ("127.0.0.1:1/udp",), (SERVER, "--only", "fwmark=0"),
                      (SERVER, "--only", "mark=1"), (SERVER, "--only", "user=nobody-of-that-name"),
                      (SERVER, "--only", "user=1,user=2"), (SERVER, "--only", "cgroup=/a/../b")):
            with self.subTest(words):
                done = self.ks("endpoint", "allow", *words, "--", "echo", "ran", expect=2)
                self.assertEqual(done.stdout, "")
        self.ks("endpoint", "allow", SERVER, expect=2)

    def test_a_program_that_does_not_exist_leaves_nothing_open(self):
        self.start_and_wait()
        self.ks("endpoint", "allow", SERVER, "--", "/no/such/program", expect=127)
        self.wait_until_closed()

    @needs_real_root()
    def test_it_takes_root_or_the_admin_group_and_has_a_limit(self):
        self.start_and_wait()
        done = self.ks("endpoint", "allow", SERVER, "--", "echo", "ran", user=NOBODY, expect=4)
        self.assertEqual(done.stdout, "")
        self.write(cli_support.GOOD + "control: {{ admin_group: {} }}\n".format(NOBODY))
        self.ks("reload", expect=0)
        self.ks("endpoint", "allow", SERVER, "--", "true", user=NOBODY, expect=0)
        script = ("import json, socket, sys\n"
                  "ask = json.dumps({'method': 'org.killswitchd.AllowEndpoint', 'more': True,\n"
                  "  'parameters': {'endpoints': ['" + SERVER + "']}}).encode() + b'\\0'\n"
                  "held = []\n"
                  "for _ in range(20):\n"
                  "    s = socket.socket(socket.AF_UNIX)\n"
                  "    s.connect(sys.argv[1])\n"
                  "    s.sendall(ask)\n"
                  "    text = b''\n"
                  "    while not text.endswith(b'\\0'):\n"
                  "        text += s.recv(65536)\n"
                  "    held.append((s, 'error' not in json.loads(text[:-1])))\n"
                  "print(sum(good for _, good in held))\n")
        done = run("python3", "-c", script, self.socket_path, user=NOBODY)
        self.assertEqual(done.stdout.strip(), "16", done.stderr)
        self.wait_until_closed()

    def test_requests_that_make_no_sense_open_nothing(self):
        self.start_and_wait()
        before = nft("-s", "list", "ruleset")
        for request in ({"endpoints": [SERVER]},
                        {"more": True, "parameters": {"endpoints": []}},
                        {"more": True, "parameters": {"endpoints": SERVER}},
                        {"more": True, "parameters": {"endpoints": [SERVER] * 17}},
                        {"more": True, "parameters": {"endpoints": [None]}},
                        {"more": True, "parameters": {"endpoints": [SERVER], "only": []}},
                        {"more": True, "parameters": {"endpoints": [SERVER], "only": {"user": "0"}}},
                        {"more": True, "parameters": {"endpoints": [SERVER], "only": {"x": "0"}}},
                        {"more": True, "parameters": []}, {"more": True}):
            with self.subTest(request), socket.socket(socket.AF_UNIX) as client:
                client.connect(self.socket_path)
                request = {"method": "org.killswitchd.AllowEndpoint", **request}
                client.sendall(json.dumps(request).encode() + b"\0")
                self.assertIn(b'"error"', client.recv(65536))
                self.assertEqual(nft("-s", "list", "ruleset"), before)


if __name__ == "__main__":
    cli_support.main()
