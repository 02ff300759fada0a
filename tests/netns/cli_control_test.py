# SPDX-License-Identifier: GPL-2.0-or-later
"""The service as its neighbours see it: the control socket, signals, systemd, other services."""
import json
import os
import select
import signal
import socket
import subprocess
import sys

import cli_support
from cli_support import (Case, DEADLINE_SECONDS, GOOD, NOBODY, PROGRAM, meaning, needs_real_root,
                         nft, ruleset, table_exists, wait_until)

CLIENTS_OF_OTHERS = 100
NOBODY_CONNECTS = """
import os, socket, sys
os.setgroups([]); os.setgid({id}); os.setuid({id})
held = []
for _ in range({count}):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)
print("ready", flush=True)
sys.stdin.read()
"""


def voluntary_switches(pid):
    with open("/proc/{}/status".format(pid), encoding="ascii") as file:
        fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    return int(fields["voluntary_ctxt_switches"]), int(fields["VmRSS"].split()[0])


def sanitized(program):
    with open(program, "rb") as file:
        return b"__asan_init" in file.read()


class Control(Case):
    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(DEADLINE_SECONDS)
        client.connect(self.socket_path)
        return client

    @staticmethod
    def receive(client):
        """The next message; nothing at the end of the stream."""
        text = b""
        while not text.endswith(b"\0"):
            byte = client.recv(1)
            if not byte:
                return None
            text += byte
        return json.loads(text[:-1])

    def call(self, method, client=None, **members):
        client = client or self.connect()
        client.sendall(json.dumps({"method": method, **members}).encode() + b"\0")
        return self.receive(client)


class BootStage(Control):
    def test_beside_the_service_every_stage_succeeds_and_changes_nothing(self):
        self.start_and_wait()
        before = ruleset()
        for stage in ([], ["--hold"], ["--gate"]):
            self.ks("boot", *stage, expect=0)
            self.assertEqual(ruleset(), before, stage)

    def test_the_gate_asks_the_kernel_even_beside_the_service(self):
        self.start_and_wait()
        self.service.send_signal(signal.SIGSTOP)
        nft("flush", "ruleset")
        if table_exists():
            self.skipTest("the service owns the table")
        self.ks("boot", "--gate", expect=3)


class Varlink(Control):
    def test_every_method_of_the_description_is_known(self):
        self.start_and_wait()
        info = self.call("org.varlink.service.GetInfo")["parameters"]
        self.assertEqual(info["product"], "killswitchd")
        self.assertIn("org.killswitchd", info["interfaces"])
        for interface in info["interfaces"]:
            text = self.call("org.varlink.service.GetInterfaceDescription",
                             parameters={"interface": interface})["parameters"]["description"]
            self.assertIn("interface " + interface, text)
            for line in text.splitlines():
                if line.startswith("method "):
                    name = interface + "." + line[7:line.index("(")]
                    error = self.call(name).get("error", "")
                    self.assertNotEqual(error, "org.varlink.service.MethodNotFound", name)

    def test_status_is_that_of_the_command(self):
        self.start_and_wait()
        status = self.call("org.killswitchd.GetStatus")["parameters"]["status"]
        self.assertEqual(status, self.report(0))

    def test_one_connection_takes_many_requests(self):
        self.start_and_wait()
        client = self.connect()
        client.sendall(b'{"method":"org.varlink.service.GetInfo"}\0' * 20)
        for _ in range(20):
            self.assertIn("parameters", self.receive(client))

    def test_oneway_is_done_and_not_answered(self):
        self.start_and_wait()
        client = self.connect()
        client.sendall(b'{"method":"org.killswitchd.Lock","oneway":true}\0')
        wait_until(lambda: self.report()["state"] == "panic", "the panic has begun")
        self.assertIn("parameters", self.call("org.varlink.service.GetInfo", client))

    def test_what_is_not_a_request_is_refused(self):
        self.start_and_wait()
        self.assertEqual(self.call("org.killswitchd.Open")["error"],
                         "org.varlink.service.MethodNotFound")
        self.assertEqual(self.call("org.killswitchd.Monitor")["error"],
                         "org.varlink.service.ExpectedMore")
        for garbage in (b"\0", b"{}\0", b"[1]\0", b"\xff\xfe\0", b'{"method":7}\0', b"null\0",
                        b'{"method":"a","parameters":3}\0', b"[" * 60000 + b"\0",
                        b'{"method":"org.varlink.service.GetInterfaceDescription",'
                        b'"parameters":[]}\0'):
            client = self.connect()
            client.sendall(garbage)
            answer = self.receive(client)
            self.assertTrue(answer is None or "error" in answer, garbage[:40])
        self.first_line(0)

    def test_a_mebibyte_of_garbage_ends_the_connection(self):
        self.start_and_wait()
        client = self.connect()
        with self.assertRaises(OSError):
            client.sendall(b"x" * (1 << 20))
            while client.recv(4096):
                pass
            raise OSError("closed")
        self.first_line(0)

    def test_a_client_that_never_reads_costs_nobody_else(self):
        self.start_and_wait()
        slow = self.connect()
        slow.setblocking(False)
        sent = 0
        try:
            while sent < (8 << 20):
                sent += slow.send(b'{"method":"org.killswitchd.GetStatus"}\0' * 100)
        except OSError:
            pass  # Its buffers are full, or the service has closed it.
        self.first_line(0)

    @needs_real_root()
    def test_a_hundred_idle_clients_do_not_keep_root_out(self):
        self.start_and_wait()
        code = NOBODY_CONNECTS.format(id=NOBODY, count=CLIENTS_OF_OTHERS)
        crowd = subprocess.Popen([sys.executable, "-c", code, self.socket_path], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(crowd.communicate)
        self.assertEqual(crowd.stdout.readline(), "ready\n")
        self.first_line(0)


class Access(Control):
    def readable_by(self, text):
        self.write(GOOD + text)
        self.start_and_wait()

    @needs_real_root()
    def test_everybody_may_read(self):
        self.readable_by("control: { read: all }\n")
        self.assertEqual(self.report(0, user=NOBODY)["state"], "locked")

    @needs_real_root()
    def test_only_root_may_read_where_the_config_says_so(self):
        self.readable_by("control: { read: root }\n")
        done = self.ks("status", expect=4, user=NOBODY)
        self.assertEqual((done.stdout, done.stderr),
                         ("UNKNOWN: this needs root: sudo killswitchd status\n", ""))
        self.first_line(0)

    @needs_real_root()
    def test_only_a_group_may_read_where_the_config_says_so(self):
        self.readable_by("control: {{ read: group {} }}\n".format(NOBODY))
        self.report(0, user=NOBODY)
        self.ks("status", expect=4, user=NOBODY - 1)


class Monitor(Control):
    def test_prints_one_object_for_each_event(self):
        self.start_and_wait()
        watcher = subprocess.Popen([PROGRAM, *self.paths, "monitor", "--json"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(self.stop, watcher)
        tun = cli_support.Tun()
        # Until the watcher is connected its events are nobody's: toggle until one arrives.
        def seen():
            self.ks("lock", expect=0)
            self.ks("unlock", expect=0)
            return select.select([watcher.stdout], [], [], 0)[0]
        wait_until(seen, "the watcher prints")
        tun.up()
        wait_until(lambda: json.loads(watcher.stdout.readline())["status"]["state"] == "protected",
                   "the event of the tunnel arrives")
        tun.close()
        event = json.loads(watcher.stdout.readline())
        self.assertEqual(event["key"], "state-change")
        self.assertEqual(event["status"]["state"], "locked")
        self.assertRegex(event["time"], r"^\d{4}-.*Z$")


class Service(Control):
    def test_a_second_one_refuses(self):
        self.start_and_wait()
        before = ruleset()
        self.assertIn("another killswitchd", self.ks("run", expect=1).stderr)
        self.assertEqual(ruleset(), before)
        self.first_line(0)

    def test_every_end_leaves_the_rules_and_the_next_start_keeps_the_chains(self):
        for how, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)):
            service = self.start_and_wait()
            before = ruleset()
            self.assertEqual(self.stop(service, how), code)
            self.assertEqual(ruleset(), before)
            self.start_and_wait()
            self.assertEqual(ruleset(), before)
            self.stop(self.service)

    def test_an_owned_table_stays_when_its_owner_is_killed(self):
        self.write(GOOD.replace("ownership: off", "ownership: auto"))
        service = self.start_and_wait()
        if self.report(0)["ownership"] != "owned":
            self.skipTest("this kernel cannot protect a table")
        before = meaning()
        self.assertNotEqual(cli_support.run("nft", "delete", "table", "inet",
                                            "killswitchd").returncode, 0)
        nft("flush", "ruleset")
        self.assertEqual(meaning(), before)
        self.stop(service)
        self.assertTrue(table_exists())
        self.start_and_wait()
        self.assertEqual(self.report(0)["ownership"], "owned")

    def test_sighup_reloads(self):
        service = self.start_and_wait()
        self.write(GOOD.replace("203.0.113.7", "203.0.113.8"))
        service.send_signal(signal.SIGHUP)
        wait_until(lambda: "203.0.113.8" in nft("list", "ruleset"), "the new endpoint is in force")
        wait_until(lambda: "reloaded" in self.log(), "the reload is logged")

    def test_systemd_hears_ready_only_once_the_rules_are_in_force(self):
        # A table that belongs to somebody else cannot be filled: the service has to wait for it.
        owner = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, text=True,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop, owner)
        owner.stdin.write("add table inet killswitchd { flags owner; }\n")
        owner.stdin.flush()
        wait_until(table_exists, "the foreign table stands")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(self.dir + "/notify")
            systemd.settimeout(DEADLINE_SECONDS)
            self.start({**os.environ, "NOTIFY_SOCKET": self.dir + "/notify"})
            first = systemd.recv(4096).decode()
            self.assertIn("commit failed", first)
            self.assertNotIn("READY=1", first)
            owner.stdin.close()
            message = first
            while "READY=1" not in message:
                message = systemd.recv(4096).decode()
            self.assertIn("policy drop", nft("list", "table", "inet", "killswitchd"))
            self.assertIn("STATUS=locked", message)
            self.stop(self.service, signal.SIGTERM)
            self.assertEqual(systemd.recv(4096), b"STOPPING=1")

    def test_at_rest_it_does_not_wake_up(self):
        service = self.start_and_wait()
        wait_until(lambda: "state-change" in self.log(), "the start is over")
        select.select([], [], [], 0.5)  # The last client's end is an event of its own.
        before, rss_kib = voluntary_switches(service.pid)
        select.select([service_end(service)], [], [], 2)
        after, _ = voluntary_switches(service.pid)
        print("resident: {} KiB; wake-ups in 2 s: {}".format(rss_kib, after - before))
        self.assertEqual(after, before)
        if not sanitized(PROGRAM):
            self.assertLess(rss_kib, 32 * 1024)


def service_end(service):
    """Readable when the service ends."""
    return os.pidfd_open(service.pid)


if __name__ == "__main__":
    cli_support.main()
