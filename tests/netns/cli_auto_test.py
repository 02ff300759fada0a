# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that are learned from the VPN's own program: `endpoints: [auto]`."""
import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
import unittest

import cli_support
from cli_support import DEADLINE_SECONDS, NOBODY, Case, needs_real_root, nft, run, wait_until

CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000
FOLDER = "/var/run/wireguard"
SOCKET = FOLDER + "/wg0.sock"
CONFIG = """version: 1
mode: always
ownership: off
tunnels:
  - name: home
    interface: wg0
    endpoints: [auto]
    only: {{ fwmark: 0xca6c }}
    {}
"""
KEY = "b85996fecc89c9fc5b63d2572a6f55dfbc27fb6e61e8ee26eb45dce2fbfc5c27"
PEER = """public_key={key}
endpoint={endpoint}
last_handshake_time_sec={handshake}
tx_bytes={sent}
rx_bytes={received}
persistent_keepalive_interval=0
errno=0

"""
FIRST = "203.0.113.7:51820"
SECOND = "203.0.113.8:443"


def answer(endpoint, handshake=0, sent=0, received=0, key=KEY):
    return PEER.format(key=key, endpoint=endpoint, handshake=handshake, sent=sent,
                       received=received)


class Program:
    """Speaks as a WireGuard program of user space does, or as it should not."""

    def __init__(self, text):
        self.text = text
        self.asked = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(SOCKET)
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        held = []
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.recv(64)
            self.asked += 1
            if self.text is None:
                held.append(client)  # And says nothing.
                continue
            try:
                client.sendall(self.text.encode())
            except OSError:
                pass  # It took us too long, and the service waits for nobody.
            client.close()


class Auto(Case):
    """/run is the test's own."""

    def setUp(self):
        super().setUp()
        libc = ctypes.CDLL(None, use_errno=True)
        if (libc.unshare(CLONE_NEWNS) != 0
                or libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0
                or libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, b"mode=0755") != 0):
            self.skipTest("no mount namespaces here")
        os.mkdir(FOLDER, mode=0o755)
        self.write(CONFIG.format(""))

    def program(self, text):
        program = Program(text)
        self.addCleanup(program.listener.close)
        return program


class Learned(Auto):
    def test_nothing_is_open_before_anything_was_learned(self):
        self.start_and_wait()
        self.assertNotIn("endpoint of home", nft("list", "table", "inet", "killswitchd"))
        self.assertIn("nothing leaves", self.first_line(0))
        self.assertIn("no endpoint is known", self.ks("endpoints", expect=0).stdout)

    def test_a_server_is_learned_kept_and_used_at_the_next_boot(self):
        self.start_and_wait()
        self.program(answer(FIRST))
        tunnel = cli_support.Tun("wg0")
        tunnel.up()
        self.wait_for_endpoint(FIRST)
        self.wait_for_log("endpoint-learned: tunnel home: wg0 talks to " + FIRST + "/udp")
        shown = self.ks("endpoints", expect=0).stdout
        self.assertRegex(shown, FIRST + r"/udp +auto: wg0 peer uFmW/syJ\.\.\., \d+ s ago")
        tunnel.close()
        self.wait_for_state("locked")
        self.assertTrue(self.opens(FIRST))
        self.stop(self.service)
        nft("flush", "ruleset")
        self.ks("boot", expect=0)
        self.assertTrue(self.opens(FIRST))
        self.start_and_wait()
        self.assertTrue(self.opens(FIRST))

    def test_without_auto_nothing_is_asked_or_remembered(self):
        self.test_a_server_is_learned_kept_and_used_at_the_next_boot()
        self.write(cli_support.GOOD.replace(FIRST, SECOND))
        self.ks("reload", expect=0)
        self.assertFalse(self.opens(FIRST))
        self.write(CONFIG.format(""))
        self.ks("reload", expect=0)
        self.assertFalse(self.opens(FIRST))

    def test_another_server_of_a_new_device_is_learned(self):
        self.start_and_wait()
        program = self.program(answer(FIRST, handshake=int(time.time()), received=92))
        tunnel = cli_support.Tun("wg0")
        tunnel.up()
        self.wait_for_endpoint(FIRST)
        tunnel.close()
        self.wait_for_state("locked")
        program.text = answer(SECOND)
        self.tunnel()
        self.wait_for_endpoint(SECOND)
        self.assertFalse(self.opens(FIRST))

    def test_a_server_that_moved_is_followed_only_with_follow_roaming(self):
        now = int(time.time())
        self.start_and_wait()
        program = self.program(answer(FIRST, handshake=now, received=92))
        self.tunnel()
        self.wait_for_endpoint(FIRST)
        program.text = answer(SECOND, handshake=now, received=184)
        self.ks("reload", expect=0)
        self.wait_for_log("endpoint-not-followed: tunnel home: the server " + FIRST)
        self.assertTrue(self.opens(FIRST))
        self.assertFalse(self.opens(SECOND))
        self.write(CONFIG.format("follow_roaming: true"))
        self.ks("reload", expect=0)
        self.assertTrue(self.opens(SECOND))
        self.assertFalse(self.opens(FIRST))


    def test_what_was_learned_can_be_pinned(self):
        self.start_and_wait()
        self.program(answer("[2001:db8::7]:443", key="a" * 64).replace("errno=0\n\n", "") + answer(FIRST))
        self.tunnel()
        self.wait_for_endpoint(FIRST)
        for before, after in (
                (CONFIG.format("").replace("[auto]", "\n      # mine\n      - auto  # learned"),
                 "    endpoints: \n      # mine\n      - \"[2001:db8::7]:443/udp\"\n      - {}/udp\n"
                 "      - auto  # learned\n".format(FIRST)),
                (CONFIG.format(""),
                 "    endpoints: [\"[2001:db8::7]:443/udp\", {}/udp, auto]\n".format(FIRST))):
            self.write(before, mode=0o640)
            done = self.ks("endpoints", "pin", expect=0)
            self.assertIn(FIRST + "/udp", done.stdout)
            with open(self.config, encoding="utf-8") as file:
                text = file.read()
            self.assertIn(after, text)
            self.assertEqual(os.stat(self.config).st_mode & 0o007, 0)
            self.ks("check", "--offline", expect=0)
            self.assertIn("nothing was learned", self.ks("endpoints", "pin", expect=0).stdout)
            with open(self.config, encoding="utf-8") as file:
                self.assertEqual(file.read(), text)
        self.write("version: 1\nmode: maybe\n")
        self.ks("endpoints", "pin", expect=5)


class Believed(Auto):
    def unchanged(self, log):
        self.tunnel()
        self.wait_for_log(log)
        self.wait_for_state("protected")
        self.assertFalse(self.opens(FIRST))

    def test_a_program_that_does_not_answer_holds_nobody_up(self):
        self.start_and_wait()
        self.program(None)
        self.unchanged("it does not answer")
        self.assertTrue(self.report(0)["verified"])

    def test_an_answer_that_makes_no_sense_changes_nothing(self):
        self.start_and_wait()
        self.program(answer(FIRST).replace("rx_bytes=0", "rx_bytes=none"))
        self.unchanged("the answer cannot be understood")
        self.assertNotIn(KEY, self.log())

    def test_a_folder_that_others_may_write_to_is_not_believed(self):
        os.chmod(FOLDER, 0o777)
        self.start_and_wait()
        self.program(answer(FIRST))
        self.unchanged("may be written by group or others")

    @needs_real_root()
    def test_a_socket_of_another_user_is_not_believed(self):
        self.start_and_wait()
        self.program(answer(FIRST))
        os.chown(SOCKET, NOBODY, NOBODY)
        self.unchanged("it is no socket of root")

    @needs_real_root()
    def test_a_listener_of_another_user_is_not_believed(self):
        os.chown(FOLDER, NOBODY, NOBODY)
        listener = subprocess.Popen(
            ["python3", "-c", "import socket, sys; s = socket.socket(socket.AF_UNIX); "
             "s.bind({!r}); s.listen(); print('ready', flush=True); sys.stdin.read()".format(SOCKET)],
            user=NOBODY, group=NOBODY, extra_groups=[], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.addCleanup(listener.communicate)
        self.assertEqual(listener.stdout.readline(), b"ready\n")
        os.chown(FOLDER, 0, 0)
        os.chown(SOCKET, 0, 0)
        self.start_and_wait()
        self.unchanged("user {} listens there, who is not root".format(NOBODY))


class Answers(Auto):
    def test_status_says_when_the_server_answered(self):
        now = int(time.time())
        self.start_and_wait()
        program = self.program(answer(FIRST, handshake=now - 20, received=92, sent=148))
        self.tunnel()
        self.wait_for_state("protected")
        text = " ".join(self.ks("status", expect=0).stdout.split())
        self.assertRegex(text, r"wg0 \(tun\) up, " + FIRST + r"/udp answered \d+ (s|min) ago")
        (tunnel,) = self.report(0)["tunnels"]
        self.assertEqual(tunnel["answers"]["received_bytes"], 92)
        self.assertFalse(tunnel["answers"]["silent"])
        program.text = answer(FIRST, handshake=now - 300, received=92, sent=148).replace(
            "interval=0", "interval=25")
        wait_until(lambda: self.report(0)["silent"], "the tunnel is silent")
        self.assertEqual(self.first_line(0), "PROTECTED, but silent: wg0 has had no answer for 5 min "
                         "({}/udp)".format(FIRST))
        with open(self.dir + "/run/state", encoding="ascii") as line:
            self.assertNotIn("silent", line.read())

    def test_a_tunnel_that_never_answered_says_so(self):
        self.start_and_wait()
        self.program(answer(FIRST, sent=148))
        self.tunnel()
        self.wait_for_state("protected")
        self.assertIn("PROTECTED, but silent: wg0 has never had an answer", self.first_line(0))


class Check(Auto):
    """What `check` says of the machine, which never makes it fail."""

    def check(self, *words, user=None):
        return " ".join(self.ks("check", *words, expect=0, user=user).stdout.split())

    def test_a_machine_that_fits_is_not_mentioned(self):
        self.write(cli_support.GOOD)
        self.program(answer(FIRST).replace("public_key", "fwmark=51820\npublic_key", 1))
        self.tunnel()
        with open("/etc/resolv.conf", encoding="utf-8") as file:
            resolvers = file.read()
        if "nameserver" not in resolvers:
            self.assertNotIn("on this machine:", self.check())
        self.assertNotIn("wg0", self.check())

    def test_what_would_not_work_is_named_with_the_cure(self):
        self.write(cli_support.GOOD.replace("interface: wg0", "interface: wg0\n    kind: wireguard"))
        self.program(answer(SECOND).replace("public_key", "fwmark=4660\npublic_key", 1))
        self.tunnel()
        os.makedirs("/run/systemd/system")
        said = self.check()
        self.assertIn("on this machine:", said)
        self.assertIn("wg0 is up, but is a tun device, not wireguard: it would stay closed. Remove "
                      "`kind`, or write `kind: tun`.", said)
        self.assertIn("wg0 talks to {}/udp, which is no endpoint here.".format(SECOND), said)
        self.assertIn("wg0 marks its packets with 0x1234, but only.fwmark asks for 0xca6c", said)
        self.assertIn("killswitchd-boot.service is not enabled: open after the next reboot.", said)
        self.assertNotIn("on this machine:", self.check("--offline"))

    @needs_real_root()
    def test_who_is_not_root_is_told_what_he_can_see(self):
        self.write(cli_support.GOOD.replace("interface: wg0", "interface: wg0\n    kind: wireguard"))
        self.program(answer(SECOND))
        self.tunnel()
        said = self.check(user=NOBODY)
        self.assertIn("wg0 is up, but is a tun device", said)
        self.assertNotIn("wg0 talks to", said)


@unittest.skipIf(shutil.which("wireguard-go") is None or shutil.which("wg") is None,
                 "needs the programs wireguard-go and wg")
class WithWireguardGo(Auto):
    def test_the_server_of_wireguard_go_is_learned_when_its_interface_comes_up(self):
        self.start_and_wait()
        program = subprocess.Popen(["wireguard-go", "-f", "wg0"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop, program)
        wait_until(lambda: os.path.exists(SOCKET), "wireguard-go listens")
        key = run("wg", "genkey").stdout
        self.write(key, self.dir + "/key", mode=0o600)
        public = run("wg", "pubkey", stdin=run("wg", "genkey").stdout).stdout.strip()
        done = run("wg", "set", "wg0", "private-key", self.dir + "/key", "fwmark", "0xca6c", "peer",
                   public, "endpoint", FIRST, "allowed-ips", "0.0.0.0/0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(self.opens(FIRST))
        begin = time.monotonic()
        self.assertEqual(run("ip", "link", "set", "wg0", "up").returncode, 0)
        self.wait_for_endpoint(FIRST)
        self.assertLess(time.monotonic() - begin, DEADLINE_SECONDS)
        self.wait_for_state("protected")
        self.assertIn("auto: wg0 peer " + public[:8], self.ks("endpoints", expect=0).stdout)


if __name__ == "__main__":
    cli_support.main()
