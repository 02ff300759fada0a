# SPDX-License-Identifier: GPL-2.0-or-later
"""`arm` and `reload` by SSH: what they would cut is said before, and never cut by surprise."""
import os
import select
import socket
import subprocess
import sys

import cli_support
from cli_support import Case, GOOD, PROGRAM, run, table_exists, wait_until

OFF = "version: 1\nmode: off\n"
KEEPS_SSH = GOOD + "allow: { inbound: [{ from: 192.0.2.9, ports: [22/tcp] }] }\n"
PEER = """
import select, socket, subprocess, sys
def ip(words):
    return subprocess.run(["ip", *words.split()], capture_output=True).returncode == 0
print("ready", flush=True)
sys.stdin.readline()
for words in ("address add 192.0.2.9/24 dev far0", "link set far0 up"):
    assert ip(words), words
ends = [socket.create_connection(("192.0.2.2", port), timeout=20) for port in (22, 8080)]
for end in ends:
    end.setblocking(False)
print("connected", flush=True)
while True:  # Answers every byte of the first connection.
    ready = select.select([ends[0], sys.stdin], [], [])[0]
    if sys.stdin in ready:
        break
    ends[0].send(ends[0].recv(100))
"""
AS_SSHD = """
import ctypes, subprocess, sys
ctypes.CDLL(None).prctl(15, b"sshd", 0, 0, 0)
sys.exit(subprocess.run(sys.argv[1:], close_fds=True).returncode)
"""


class Session(Case):
    def setUp(self):
        super().setUp()
        self.peer = subprocess.Popen(["unshare", "-n", sys.executable, "-c", PEER], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.peer.communicate)
        self.addCleanup(self.peer.kill)
        self.assertEqual(self.peer.stdout.readline(), "ready\n")
        for words in ("link set lo up", "link add eth0 type veth peer name far0",
                      "link set far0 netns {}".format(self.peer.pid),
                      "address add 192.0.2.2/24 dev eth0", "link set eth0 up"):
            self.assertEqual(run("ip", *words.split()).returncode, 0, words)
        servers = [socket.create_server(("192.0.2.2", port)) for port in (22, 8080)]
        self.peer.stdin.write("go\n")
        self.peer.stdin.flush()
        self.ends = [server.accept()[0] for server in servers]
        for one in servers + self.ends:
            self.addCleanup(one.close)
        self.session = self.ends[0]
        self.assertEqual(self.peer.stdout.readline(), "connected\n")
        remote = self.session.getpeername()
        self.env = {**os.environ, "SSH_CONNECTION": "{} {} 192.0.2.2 22".format(*remote)}

    def carries(self):
        """Whether a byte comes back by the session, once it went out."""
        try:
            self.session.send(b"x")
            came = bool(select.select([self.session], [], [], 1)[0])
            return came and self.session.recv(100) != b""
        except ConnectionResetError:
            return False

    def by_ssh(self, *words, expect):
        return self.ks(*words, expect=expect, env=self.env)

    def test_what_would_cut_the_session_is_refused_with_the_exception_that_keeps_it(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        self.assertTrue(self.carries())
        done = self.by_ssh("arm", expect=3)
        self.assertFalse(table_exists())
        self.assertIn("your SSH session from 192.0.2.9 (eth0)", done.stdout)
        self.assertIn("1 other connection ", done.stdout)
        self.assertIn("- { from: 192.0.2.9, ports: [22/tcp] }", done.stdout)
        for way_out in ("--confirm 60", "--anyway"):
            self.assertIn(way_out, done.stderr)
        self.assertTrue(all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout)

        self.by_ssh("arm", "--anyway", expect=0)  # It said the truth.
        self.assertFalse(self.carries())

    def test_with_that_exception_the_session_lives(self):
        self.ks("disarm", expect=0)
        self.write(KEEPS_SSH)
        self.start_and_wait()
        done = self.by_ssh("arm", expect=0)
        self.assertNotIn("SSH", done.stdout + done.stderr)
        self.assertTrue(table_exists())
        self.assertTrue(self.carries())

    def test_sudo_that_drops_the_variable_hides_no_session(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        os.set_inheritable(self.session.fileno(), True)
        words = [sys.executable, "-c", AS_SSHD, PROGRAM, *self.paths, "arm"]
        done = subprocess.run(words, capture_output=True, text=True, check=False,
                              pass_fds=[self.session.fileno()])
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("192.0.2.9", done.stderr)

    def test_a_variable_without_its_connection_is_not_believed(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        self.env["SSH_CONNECTION"] = "192.0.2.9 1 192.0.2.2 22"
        done = self.by_ssh("arm", expect=0)
        self.assertIn("2 connections", done.stdout)

    def test_a_list_names_the_connections_and_arms_nothing(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        listed = self.by_ssh("arm", "--list", expect=0).stdout
        self.assertIn("tcp 192.0.2.2:22 from 192.0.2.9:", listed)
        self.assertIn("tcp 192.0.2.2:8080 from 192.0.2.9:", listed)
        self.assertFalse(table_exists())

    def test_a_reload_that_would_cut_it_is_refused(self):
        self.write(OFF)
        self.start_and_wait()
        self.write(GOOD)
        self.by_ssh("reload", expect=3)
        self.assertFalse(table_exists())
        self.assertTrue(self.carries())
        self.write(KEEPS_SSH)
        self.by_ssh("reload", expect=0)
        self.assertTrue(table_exists())
        self.assertTrue(self.carries())

    def test_a_confirmation_may_cut_it_and_is_undone_with_the_reason(self):
        self.write(OFF)
        self.start_and_wait()
        self.write(GOOD)  # Not reloaded: arm reads what is on the disk.
        waiting = subprocess.Popen([PROGRAM, *self.paths, "arm", "--confirm", "3"], text=True,
                                   env=self.env, stdout=subprocess.PIPE)
        self.addCleanup(waiting.communicate)
        self.assertIn("Will be cut", waiting.stdout.readline())
        wait_until(table_exists, "it is armed")
        self.assertFalse(self.carries())
        self.assertEqual(waiting.wait(cli_support.DEADLINE_SECONDS), 6)
        self.assertFalse(table_exists())
        self.assertRegex(self.first_line(3), r"^OPEN: arming at \d\d:\d\d:\d\d was not confirmed "
                                             r"within 3 s, and was undone$")
        self.ks("disarm", expect=0)
        self.assertNotIn("confirmed", self.first_line(3))

    def test_a_confirmation_says_what_it_proves(self):
        self.ks("disarm", expect=0)
        self.write(KEEPS_SSH)
        self.start_and_wait()
        waiting = subprocess.Popen([PROGRAM, *self.paths, "arm", "--confirm", "600"],
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(waiting.kill)
        wait_until(lambda: self.report()["confirm_within"] is not None, "it waits")
        done = self.by_ssh("confirm", expect=0)
        self.assertIn("192.0.2.9:{}".format(self.session.getpeername()[1]), done.stdout)
        self.assertIn("works while LOCKED", done.stdout)
        self.assertIn("without the VPN", done.stdout)
        self.assertEqual(waiting.wait(cli_support.DEADLINE_SECONDS), 0)

    def test_a_file_that_cannot_be_used_arms_nothing(self):
        self.write(OFF)
        self.start_and_wait()
        self.write("version: 1\nmode: sometimes\n")
        self.ks("arm", expect=5)
        self.assertFalse(table_exists())
        self.write(OFF)
        self.ks("reload", expect=0)
        self.assertIn("mode is off", self.first_line(3))


if __name__ == "__main__":
    cli_support.main()
