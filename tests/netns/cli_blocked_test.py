# SPDX-License-Identifier: GPL-2.0-or-later
"""`blocked`: refused packets, by whom and why, and nothing of what is allowed."""
import json
import os
import signal
import socket
import struct
import subprocess

import cli_support
from cli_support import Case, GOOD, NOBODY, PROGRAM, needs_real_root, nft, run, wait_until

REFUSED = ("198.51.100.9", 4444)
SERVER = ("203.0.113.7", 51820)


class Blocked(Case):
    def setUp(self):
        super().setUp()
        for words in ("link add eth0 type veth peer name far0", "link set lo up",
                      "address add 192.0.2.2/24 dev eth0", "link set eth0 up",
                      "link set far0 up", "route add default via 192.0.2.1",
                      "neighbour add 192.0.2.1 lladdr 02:00:00:00:00:09 dev eth0"):
            self.assertEqual(run("ip", *words.split()).returncode, 0, words)
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sender.close)

    def send(self, to, times=1, by=None):
        refused = 0
        for _ in range(times):
            try:
                (by or self.sender).sendto(b"secret payload", to)
            except OSError:
                refused += 1
        return refused

    def rows(self, *words):
        done = self.ks("blocked", "--json", *words, expect=0)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row for row in rows if row["reason"] != "ipv6"]  # The kernel's own, of new links.

    def follow(self, *words):
        watch = subprocess.Popen([PROGRAM, *self.paths, "blocked", "--follow", *words],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(watch.kill)
        return watch

    def test_a_refused_packet_is_shown_with_its_sender_and_what_it_lacks(self):
        self.start_and_wait()
        watch = self.follow("--json")
        # The watch hears of one packet for certain only once it listens.
        wait_until(lambda: self.send(REFUSED) and cli_support.select.select(
            [watch.stdout], [], [], 0.05)[0], "a row comes")
        row = json.loads(watch.stdout.readline())
        while row["reason"] == "ipv6":
            row = json.loads(watch.stdout.readline())
        self.assertEqual((row["reason"], row["direction"], row["protocol_name"]),
                         ("uplink", "out", "udp"))
        self.assertEqual((row["destination"], row["destination_port"]), REFUSED)
        self.assertEqual(row["source_port"], self.sender.getsockname()[1])
        self.assertEqual((row["out_interface"], row["uid"]), ("eth0", 0))
        self.assertEqual(row["program"]["pid"], os.getpid())
        self.assertIn("198.51.100.9", row["advice"])
        self.assertNotIn("secret", json.dumps(row))

        self.send(SERVER)
        while row["reason"] != "endpoint-guard":
            row = json.loads(watch.stdout.readline())
        self.assertIn("no mark 0xca6c", row["advice"])
        self.assertIn("FwMark = 0xca6c", row["advice"])
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(cli_support.DEADLINE_SECONDS), 0)
        watch.stdout.close()

    def test_what_is_allowed_is_not_shown(self):
        self.start_and_wait()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tunnel:
            tunnel.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0xCA6C)
            self.assertEqual(self.send(SERVER, by=tunnel), 0)
        self.assertEqual(self.send(REFUSED), 1)
        seen = wait_until(self.rows, "the refused packet is remembered")
        self.assertEqual([row["destination"] for row in seen], [REFUSED[0]])

    def test_a_flood_is_counted_whole_and_told_by_the_rate(self):
        self.start_and_wait()
        self.assertEqual(self.send(REFUSED, 2000), 2000)
        wait_until(self.rows, "some are remembered")
        self.assertLess(len(self.rows()), 200)
        self.assertGreaterEqual(self.report()["counters"]["uplink"]["packets"], 2000)

    def test_the_screen_counts_what_repeats_and_sums_up(self):
        self.start_and_wait()
        self.send(REFUSED)
        wait_until(self.rows, "it is remembered")
        watch = self.follow()
        self.assertIn("refused for", watch.stdout.readline())
        while "udp 198.51.100.9:4444" not in watch.stdout.readline():
            self.assertIsNone(watch.poll())
        self.send(REFUSED, 3)
        watch.send_signal(signal.SIGINT)
        rest = watch.communicate(timeout=cli_support.DEADLINE_SECONDS)[0]
        self.assertEqual(watch.returncode, 0, rest)
        self.assertIn("uplink 3", rest.splitlines()[-1])

    def test_who_only_knocks_is_dropped_and_shown(self):
        self.write(GOOD + "raw: allow\n")  # The test's own frame leaves by a packet socket.
        self.start_and_wait()
        frame = bytes.fromhex("ffffffffffff020000000009" "0800"
                              "4500001c00010000401100000a000001c0000202" "1111001600080000")
        mac = json.loads(run("ip", "-j", "link", "show", "eth0").stdout)[0]["address"]
        frame = bytes.fromhex(mac.replace(":", "")) + frame[6:]
        header = bytearray(frame[14:34])
        total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        frame = frame[:24] + (0xFFFF - total).to_bytes(2, "big") + frame[26:]
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as far:
            far.bind(("far0", 0))
            far.send(frame)
        seen = wait_until(self.rows, "the packet from outside is remembered")
        row = [row for row in seen if row["source"] == "10.0.0.1"][0]
        self.assertEqual((row["reason"], row["direction"], row["in_interface"]),
                         ("inbound", "in", "eth0"))
        self.assertEqual((row["destination_port"], row["program"]), (22, None))

    @needs_real_root()
    def test_only_who_may_change_things_sees_whom_others_talk_to(self):
        self.start_and_wait()
        self.ks("blocked", user=NOBODY, expect=4)

    def test_without_a_service_or_a_wish_it_says_why(self):
        self.assertIn("not running", self.ks("blocked", expect=1).stderr)
        self.write(GOOD + "log: { blocked: false }\n")
        self.start_and_wait()
        self.assertNotIn("27544", nft("list", "ruleset"))
        self.assertIn("log.blocked", self.ks("blocked", expect=3).stderr)
        self.write(GOOD + "log: { rate: 3/minute }\n")
        self.ks("reload", expect=0)
        self.assertIn("limit rate 3/minute", nft("list", "ruleset"))
        self.assertEqual(self.rows(), [])

    def test_a_group_that_another_listens_to_keeps_no_lock_from_standing(self):
        group, bind = 27544, 1
        message = struct.pack("=IHHII", 28, 0x0401, 0x5, 1, 0) + \
            struct.pack("=BBH", 0, 0, socket.htons(group)) + struct.pack("=HHBxxx", 5, 1, bind)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as other:
            other.bind((0, 0))
            other.send(message)
            self.assertEqual(struct.unpack_from("=i", other.recv(64), 16)[0], 0)
            self.start_and_wait()
            self.assertIn("blocked-unavailable", self.log())
            self.assertEqual(self.send(REFUSED), 1)
            self.assertIn("another program", self.ks("blocked", expect=1).stderr)
        self.ks("reload", expect=0)
        self.send(REFUSED)
        wait_until(self.rows, "the service listens")


if __name__ == "__main__":
    cli_support.main()
