# SPDX-License-Identifier: GPL-2.0-or-later
"""Pauses: that they open, and that they end, whoever is there to end them."""
import contextlib
import json
import os
import shutil
import signal
import socket
import struct

import cli_support
from cli_support import NOBODY, Case, Tun, nft, run, table_exists, wait_until

FAR = {socket.AF_INET: ("198.51.100.9", 4711), socket.AF_INET6: ("2001:db8:9::9", 4711)}


class Uplink(Tun):
    """A device that leads outside, and that shows what leaves by it."""

    def __init__(self):
        super().__init__("up0")
        self.up()
        os.set_blocking(self.fd, False)
        for words in (("address", "add", "192.0.2.2/24", "dev", "up0"),
                      ("address", "add", "2001:db8::2/64", "dev", "up0", "nodad"),
                      ("route", "add", "default", "dev", "up0"),
                      ("-6", "route", "add", "default", "dev", "up0")):
            run("ip", *words)

    def left(self, family, send):
        """Whether the packet that the call sends has left when it returns."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 4096):
                pass
        with contextlib.suppress(PermissionError):
            send(family)
        with contextlib.suppress(BlockingIOError):
            while True:
                if socket.inet_pton(family, FAR[family][0]) in os.read(self.fd, 4096)[:40]:
                    return True
        return False


def send(family):
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"probe", FAR[family])


def seconds_left(family="inet", name="paused"):
    """Of each element in the kernel; None for one that never ends."""
    listed = json.loads(nft("-j", "list", "set", family, "killswitchd", name))["nftables"]
    elements = [item["set"] for item in listed if "set" in item][0].get("elem", [])
    return [element["elem"]["expires"] if isinstance(element, dict) else None
            for element in elements]


class PauseCase(Case):
    def setUp(self):
        super().setUp()
        self.uplink = Uplink()
        self.addCleanup(self.uplink.close)

    def leaves(self, how=send):
        """Of one packet of each family: that all leave, or that none does."""
        left = {self.uplink.left(family, how) for family in FAR}
        self.assertEqual(len(left), 1)
        return left.pop()

    def locked_at_first(self):
        service = self.start_and_wait()
        self.assertFalse(self.leaves())
        return service


class Pause(PauseCase):
    def test_it_ends_by_itself(self):
        self.locked_at_first()
        self.ks("pause", "1s", expect=0)
        self.wait_for_state("locked")
        self.assertFalse(self.leaves())
        self.assertNotIn("paused", nft("list", "ruleset"))

    def test_everything_leaves_until_it_is_ended(self):
        self.locked_at_first()
        self.ks("pause", "10m", expect=0)
        self.assertTrue(self.leaves())
        self.assertTrue(table_exists())
        self.assertGreater(self.report(3)["paused_for"], 500)
        self.assertRegex(self.first_line(3), r"^PAUSED: everything may leave until \d\d:\d\d \(")
        self.ks("resume", expect=0)
        self.assertFalse(self.leaves())
        self.ks("resume", expect=3)

    def test_the_kernel_ends_it_where_no_process_is_left(self):
        for state in ("locked", "protected"):
            with self.subTest(state=state):
                if state == "protected":
                    self.tunnel()
                service = self.locked_at_first()
                self.assertEqual(self.report(0)["state"], state)
                self.ks("pause", "5s", expect=0)
                self.stop(service)
                self.assertTrue(self.leaves())
                self.assertTrue(self.first_line(3).startswith("PAUSED"))
                wait_until(lambda: not self.uplink.left(socket.AF_INET, send), "it closes")
                wait_until(lambda: self.report()["paused_for"] is None, "the pause is over")
                self.assertEqual(sum(self.leaves() for _ in range(100)), 0)
                report = self.report(1)  # That it is over is nobody's fault.
                self.assertEqual((report["state"], report["verified"]), (state, True))
                self.assertTrue(self.first_line(1).startswith("DEGRADED: the service is not run"))
                self.ks("diff", expect=0)
                service = self.start_and_wait()
                self.assertEqual(self.report(0)["state"], state)
                self.assertNotIn("paused", nft("list", "ruleset"))
                self.stop(service)

    def test_a_crash_does_not_lengthen_it(self):
        service = self.locked_at_first()
        self.ks("pause", "10m", expect=0)
        before = max(seconds_left())
        self.stop(service)
        self.start_and_wait()
        self.assertTrue(self.leaves())
        self.assertLessEqual(max(seconds_left()), before)
        self.stop(self.service)
        nft("delete", "table", "inet", "killswitchd")
        self.start_and_wait()
        self.assertTrue(self.leaves())
        self.assertLessEqual(max(seconds_left()), before)

    def test_a_longer_and_a_shorter_one_take_its_place(self):
        self.locked_at_first()
        for duration, least in (("10m", 500), ("2h", 7000), ("10m", 500), ("2s", 0)):
            self.ks("pause", duration, expect=0)
            self.assertGreaterEqual(min(seconds_left()), least)
            self.assertLessEqual(max(seconds_left()), least + 200)
        self.wait_for_state("locked")
        self.assertFalse(self.leaves())

    def test_nobody_else_lengthens_it(self):
        self.locked_at_first()
        self.ks("pause", "10m", expect=0)
        for element in ("host timeout 20h", "host", "other timeout 20h"):
            with self.subTest(element=element):
                nft("-f", "-", stdin="flush set inet killswitchd paused\n"
                    "add element inet killswitchd paused {{ {} }}\n".format(element))
                wait_until(lambda: len(seconds_left()) == 8 and None not in seconds_left()
                           and max(seconds_left()) <= 600, "the elements are as asked for")

    def test_nobody_begins_one_anew(self):
        service = self.locked_at_first()
        self.ks("pause", "1s", expect=0)
        self.stop(service)
        wait_until(lambda: self.report()["paused_for"] is None, "it ended")
        wait_until(lambda: not self.uplink.left(socket.AF_INET, send), "the kernel has closed")
        nft("add", "element", "inet", "killswitchd", "paused", "{ host timeout 1h }")
        self.assertTrue(self.first_line(3).startswith("OPEN: a pause that nobody wants"))
        self.start_and_wait()
        self.assertFalse(self.leaves())

    def test_who_ends_it_in_the_kernel_closes(self):
        self.locked_at_first()
        self.ks("pause", "1h", expect=0)
        self.assertTrue(self.leaves())
        nft("flush", "set", "inet", "killswitchd", "paused")
        self.assertFalse(self.leaves())
        self.assertEqual(self.report(0)["state"], "locked")

    def test_a_reboot_ends_it(self):
        service = self.locked_at_first()
        self.ks("pause", "1h", expect=0)
        self.stop(service, signal.SIGTERM)
        self.assertTrue(self.leaves())
        shutil.rmtree(self.dir + "/run")
        self.ks("boot", expect=0)
        self.assertFalse(self.leaves())

    def test_every_closing_command_ends_it(self):
        self.locked_at_first()
        for command in ("arm", "lock"):
            self.ks("pause", "1h", expect=0)
            self.assertTrue(self.leaves())
            self.ks(command, expect=0)
            self.assertFalse(self.leaves())

    def test_a_tunnel_may_come_up_meanwhile(self):
        self.locked_at_first()
        self.ks("pause", "1h", expect=0)
        self.tunnel()
        wait_until(lambda: "tunnel wg0" in nft("list", "ruleset"), "the tunnel is known")
        self.assertTrue(self.first_line(3).startswith("PAUSED"))
        self.assertTrue(self.leaves())
        self.ks("resume", expect=0)
        self.assertEqual(self.report(0)["state"], "protected")
        self.assertFalse(self.leaves())

    def test_explain_and_render_know_of_it(self):
        self.locked_at_first()
        question = ("explain", "udp", "{}:{}".format(*FAR[socket.AF_INET]))
        self.assertIn("REFUSED", self.ks(*question).stdout)
        self.ks("pause", "1h", expect=0)
        self.assertRegex(self.ks(*question).stdout, "(?s)^ALLOWED.*pause")
        text = self.ks("render", expect=0).stdout
        self.assertIn("meta pkttype @paused accept", text)
        self.stop(self.service)
        nft("flush", "ruleset")
        nft("-f", "-", stdin=text)
        self.assertNotIn("inet killswitchd", self.ks("diff").stdout)
        self.assertTrue(self.leaves())
        self.assertIn("timeout 599s", self.ks("render", "--state", "paused", expect=0).stdout)
        self.assertIn("pkttype", self.ks("render", "--format", "json", expect=0).stdout)

    def test_what_cannot_be_paused_is_refused(self):
        self.ks("pause", "1h", expect=3)  # Without a service the rule of it would stay.
        self.start_and_wait()
        for duration in ("0s", "25h"):
            self.ks("pause", duration, expect=3)
        self.ks("pause", "long", expect=2)
        self.ks("lock", expect=0)
        self.ks("pause", "1m", expect=3)
        self.ks("unlock", expect=0)
        self.ks("disarm", expect=0)
        self.ks("pause", "1m", expect=3)


def sent_by(user):
    """What sends as another user; the socket is that user's."""
    def how(family):
        os.seteuid(user)
        try:
            send(family)
        finally:
            os.seteuid(0)
    return how


def answer_to(packet):
    """To a packet of UDP in IPv4 without options."""
    header = bytearray(packet[:20])
    header[12:16], header[16:20] = packet[16:20], packet[12:16]
    header[10:12] = bytes(2)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    header[10:12] = struct.pack("!H", ~(total + (total >> 16)) & 0xffff)
    return bytes(header) + packet[22:24] + packet[20:22] + packet[24:26] + bytes(2) + packet[28:]


@cli_support.needs_real_root()
class UserPause(PauseCase):
    def leaves_of(self, user):
        return self.uplink.left(socket.AF_INET, sent_by(user))

    def locked_at_first(self):
        service = super().locked_at_first()
        self.assertFalse(self.leaves_of(NOBODY))
        return service

    def pause(self, duration):
        return self.ks("pause", duration, "--user", str(NOBODY), expect=0).stdout

    def test_it_is_nobody_elses(self):
        self.locked_at_first()
        said = self.pause("10m")
        self.assertTrue(said.startswith("LOCKED, 1 hole: "), said)
        self.assertRegex(said, r"(?m)^  user \S+ may send outside the tunnel until \d\d:\d\d")
        self.assertTrue(self.leaves_of(NOBODY))
        self.assertFalse(self.leaves_of(NOBODY - 1))
        self.assertFalse(self.leaves())
        self.assertFalse(self.uplink.left(socket.AF_INET6, sent_by(NOBODY)))
        report = self.report(0)
        self.assertEqual([one["user"] for one in report["user_pauses"]], [NOBODY])
        self.assertEqual((report["state"], report["open_holes"]), ("locked", 1))
        self.assertRegex(self.ks("status").stdout, r"(?m)^  pause +user \S+ until \d\d:\d\d; end")
        question = ("explain", "udp", "{}:{}".format(*FAR[socket.AF_INET]), "--user")
        self.assertTrue(self.ks(*question, str(NOBODY)).stdout.startswith("ALLOWED"))
        self.assertTrue(self.ks(*question, "0").stdout.startswith("REFUSED"))
        self.ks("resume", expect=0)
        self.assertFalse(self.leaves_of(NOBODY))
        self.assertNotIn("paused", nft("list", "ruleset"))

    def test_it_is_one_beside_a_tunnel_too(self):
        self.tunnel()
        self.locked_at_first()
        self.assertTrue(self.pause("10m").startswith("PROTECTED, 1 hole: "))
        self.assertTrue(self.leaves_of(NOBODY))
        self.assertFalse(self.leaves())

    def test_answers_come_in(self):
        self.locked_at_first()
        self.pause("10m")
        os.seteuid(NOBODY)
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        os.seteuid(0)
        self.addCleanup(asking.close)
        asking.settimeout(cli_support.DEADLINE_SECONDS)
        asking.connect(FAR[socket.AF_INET])
        asking.send(b"question")
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packets.append(os.read(self.uplink.fd, 4096))
        question = [one for one in packets if one.endswith(b"question")][0]
        os.write(self.uplink.fd, answer_to(question))
        self.assertEqual(asking.recv(100), b"question")

    def test_the_kernel_ends_it_where_no_process_is_left(self):
        service = self.locked_at_first()
        self.pause("5s")
        self.stop(service)
        self.assertTrue(self.leaves_of(NOBODY))
        wait_until(lambda: not self.leaves_of(NOBODY), "the kernel has closed")
        wait_until(lambda: not self.report()["user_pauses"], "the pause is over")
        wait_until(lambda: not seconds_left(name="paused_answers"), "the last set is empty")
        report = self.report(1)
        self.assertEqual((report["state"], report["verified"]), ("locked", True))
        self.ks("diff", expect=0)
        self.start_and_wait()
        self.assertNotIn("paused", nft("list", "ruleset"))

    def test_a_crash_does_not_lengthen_it(self):
        service = self.locked_at_first()
        self.pause("10m")
        before = max(seconds_left(name="paused_users"))
        self.stop(service)
        nft("delete", "table", "inet", "killswitchd")
        self.start_and_wait()
        self.assertTrue(self.leaves_of(NOBODY))
        self.assertLessEqual(max(seconds_left(name="paused_users")), before)

    def test_nobody_else_joins_it(self):
        self.locked_at_first()
        self.pause("10m")
        nft("add", "element", "inet", "killswitchd", "paused_users", "{ 0 timeout 1h }")
        wait_until(lambda: len(seconds_left(name="paused_users")) == 1, "the element is gone")
        self.assertFalse(self.leaves())
        self.assertTrue(self.leaves_of(NOBODY))

    def test_closing_commands_end_it(self):
        self.locked_at_first()
        for command in ("arm", "lock"):
            self.pause("1h")
            self.assertTrue(self.leaves_of(NOBODY))
            self.ks(command, expect=0)
            self.assertFalse(self.leaves_of(NOBODY))

    def test_who_is_unknown_is_refused(self):
        self.locked_at_first()
        self.assertIn("no user", self.ks("pause", "1m", "--user", "no-such-user", expect=2).stderr)
        self.ks("pause", "1m", "--user", str(2 ** 32 - 1), expect=2)


if __name__ == "__main__":
    cli_support.main()
