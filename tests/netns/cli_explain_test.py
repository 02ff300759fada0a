# SPDX-License-Identifier: GPL-2.0-or-later
"""`explain`: what it says about a packet is what then happens to that packet."""
import json
import os
import select
import socket
import struct

import cli_support
from cli_support import Case, GOOD, NOBODY, needs_real_root, run, wait_until

MARK = 0xCA6C
EXCEPTIONS = "allow: { outbound: [{ to: 198.51.100.10, ports: [443/tcp] }, " \
             "{ to: 198.51.100.11, user: 65534 }], " \
             "inbound: [{ from: 198.51.100.20, ports: [5556/udp] }] }\n"
ARRIVED_LAST = ("udp", "203.0.113.7", 51999)
TWO_ENDPOINTS = GOOD.replace("51820/udp]", "51820/udp, 203.0.113.7:51999/udp]")


def destination(frame):
    """(protocol, address, port) of a frame with TCP or UDP over IP; None of any other."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        start, protocol = 14 + (frame[14] & 15) * 4, frame[23]
        address = socket.inet_ntop(socket.AF_INET, frame[30:34])
    elif kind == 0x86DD:
        start, protocol = 54, frame[20]
        address = socket.inet_ntop(socket.AF_INET6, frame[38:54])
    else:
        return None
    if protocol not in (6, 17):
        return None
    return ("tcp" if protocol == 6 else "udp", address,
            struct.unpack_from("!H", frame, start + 2)[0])


def send(protocol, address, port, mark=0, user=None):
    """Sends one packet; what refuses it may say so."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    if user is not None:
        os.seteuid(user)
    try:
        sender = socket.socket(family, kind)
    finally:
        os.seteuid(0)
    with sender:
        sender.setblocking(False)
        if mark:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        try:
            if protocol == "tcp":
                sender.connect_ex((address, port))
            else:
                sender.sendto(b"x", (address, port))
        except OSError:
            pass


class Explain(Case):
    def setUp(self):
        super().setUp()
        for words in ("link add eth0 type veth peer name far0", "link set lo up",
                      "address add 192.0.2.2/24 dev eth0", "address add 192.168.7.2/24 dev eth0",
                      "address add 2001:db8::2/64 dev eth0 nodad", "link set eth0 up",
                      "link set far0 up", "route add default via 192.0.2.1"):
            self.assertEqual(run("ip", *words.split()).returncode, 0, words)
        for neighbour in ("192.0.2.1", "192.168.7.9", "2001:db8::9"):
            run("ip", "neighbour", "add", neighbour, "lladdr", "02:00:00:00:00:09", "dev", "eth0")
        self.far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.addCleanup(self.far.close)
        self.far.bind(("far0", 0))

    def asked(self, protocol, address, port, *options):
        target = "[{}]:{}" if ":" in address else "{}:{}"
        done = self.ks("explain", protocol, target.format(address, port), "--json", *options)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["allowed"], done.returncode == 0)
        return answer

    def arrived(self):
        """Everything that left since the last call; the endpoint is asked last, and allowed."""
        send(*ARRIVED_LAST, mark=MARK)
        seen = set()
        while True:
            self.assertTrue(select.select([self.far], [], [], cli_support.DEADLINE_SECONDS)[0])
            frame, where = self.far.recvfrom(2048)
            found = destination(frame) if where[2] != socket.PACKET_OUTGOING else None
            if found == ARRIVED_LAST:
                return seen
            seen.add(found)

    def check(self, rows):
        """Each row: protocol, address, port, what is to be said, how it is sent."""
        for protocol, address, port, reason, options in rows:
            with self.subTest(protocol=protocol, address=address, port=port, options=options):
                words = [x for key, value in options.items() for x in ("--" + key, str(value))]
                answer = self.asked(protocol, address, port, *words)
                send(protocol, address, port, **options)
                self.assertEqual(answer["allowed"], (protocol, address, port) in self.arrived())
                self.assertEqual(answer["reason"], reason)

    def test_what_it_says_is_what_happens(self):
        self.write(TWO_ENDPOINTS + EXCEPTIONS)
        self.start_and_wait()
        for state in ("locked", "panic"):
            if state == "panic":
                self.ks("lock", expect=0)
                self.assertEqual(self.asked("udp", "198.51.100.9", 4444)["reason"], "uplink")
                self.assertEqual(self.asked("tcp", "198.51.100.10", 443)["reason"], "uplink")
                self.ks("unlock", expect=0)
                continue
            self.check([
                ("udp", "198.51.100.9", 4444, "uplink", {}),
                ("tcp", "198.51.100.9", 443, "uplink", {}),
                ("udp", "9.9.9.9", 53, "dns", {}),
                ("udp", "192.168.7.9", 631, "lan", {}),
                ("udp", "2001:db8::9", 443, "ipv6", {}),
                ("udp", "203.0.113.7", 51820, "", {"mark": MARK}),
                ("udp", "203.0.113.7", 51821, "endpoint-guard", {"mark": MARK}),
                ("tcp", "198.51.100.10", 443, "", {}),
                ("udp", "198.51.100.10", 443, "uplink", {}),
            ])

    @needs_real_root()
    def test_users_count(self):
        self.write(TWO_ENDPOINTS + EXCEPTIONS)
        self.start_and_wait()
        self.check([("udp", "198.51.100.11", 4444, "uplink", {}),
                    ("udp", "198.51.100.11", 4444, "", {"user": NOBODY})])

    def test_an_endpoint_without_its_mark_is_refused(self):
        self.start_and_wait()
        answer = self.asked("udp", "203.0.113.7", 51820)
        self.assertEqual(answer["reason"], "endpoint-guard")
        with self.assertRaises(PermissionError), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("203.0.113.7", 51820))

    def test_a_cure_cures(self):
        self.write(TWO_ENDPOINTS)
        self.start_and_wait()
        os.mkdir(self.dir + "/conf.d")
        for address in ("198.51.100.9", "192.168.7.9"):
            answer = self.asked("udp", address, 4444)
            self.assertFalse(answer["allowed"])
            self.assertTrue(answer["cures"])
            for cure in answer["cures"]:
                self.write(cure["yaml"] + "\n", self.dir + "/conf.d/cure.yaml")
                self.ks("check", expect=0)
                self.ks("reload", expect=0)
                self.check([("udp", address, 4444, "", {})])
                os.unlink(self.dir + "/conf.d/cure.yaml")
                self.ks("reload", expect=0)

    def test_what_comes_in(self):
        self.write(GOOD + EXCEPTIONS + "raw: allow\n")  # The far side is one of our devices too.
        self.start_and_wait()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as refused, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as allowed:
            refused.bind(("", 5555))
            allowed.bind(("", 5556))
            for port in (5555, 5556):
                answer = self.asked("udp", "198.51.100.20", port, "--in")
                self.assertEqual(answer["reason"], "inbound" if port == 5555 else "")
                self.deliver("198.51.100.20", port)
            ready = select.select([allowed], [], [], cli_support.DEADLINE_SECONDS)[0]
            self.assertTrue(ready)
            self.assertEqual(select.select([refused], [], [], 0)[0], [])

    def deliver(self, source, port):
        """A datagram of the far side, which the host sees on eth0."""
        link = json.loads(run("ip", "-j", "link", "show", "eth0").stdout)[0]
        mac = bytes.fromhex(link["address"].replace(":", ""))
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 29, 0, 0, 64, 17, 0,
                             socket.inet_aton(source), socket.inet_aton("192.0.2.2"))
        total = sum(struct.unpack("!10H", header))
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        header = header[:10] + struct.pack("!H", checksum) + header[12:]
        datagram = struct.pack("!HHHH", 40000, port, 9, 0) + b"x"
        self.far.send(mac + b"\x02\x00\x00\x00\x00\x09\x08\x00" + header + datagram)

    def test_the_tunnel_is_the_way_that_the_kernel_would_take(self):
        self.start_and_wait()
        self.tunnel()
        self.wait_for_state("protected")
        run("ip", "route", "add", "10.9.0.0/16", "dev", "wg0")
        run("ip", "address", "add", "10.9.0.1/32", "dev", "wg0")
        answer = self.asked("udp", "10.9.0.7", 443)
        self.assertEqual((answer["allowed"], answer["route"]["interface"],
                          answer["rule"]["comment"]), (True, "wg0", "tunnel wg0"))
        run("ip", "rule", "add", "fwmark", "7", "lookup", "77")
        run("ip", "route", "add", "10.9.0.0/16", "via", "192.0.2.1", "table", "77")
        marked = self.asked("udp", "10.9.0.7", 443, "--mark", "7")
        self.assertEqual((marked["allowed"], marked["route"]),
                         (False, {"interface": "eth0", "gateway": "192.0.2.1"}))

    def test_guests(self):
        for words in ("link add br0 type bridge", "address add 172.18.0.1/24 dev br0",
                      "link set br0 up", "link add v0 type veth peer name v1",
                      "link set v0 master br0", "link set v0 up", "link set v1 up"):
            run("ip", *words.split())
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write("1")
        self.start_and_wait()
        answer = self.asked("tcp", "198.51.100.9", 443, "--from", "172.18.0.7")
        self.assertEqual((answer["allowed"], answer["reason"]), (False, "guest"))

    def test_without_the_service_and_in_the_open(self):
        answer = self.asked("udp", "198.51.100.9", 4444)
        self.assertIn("does not hold the rules", answer["note"])
        self.stop(self.start_and_wait())
        answer = self.asked("udp", "198.51.100.9", 4444)
        self.assertEqual((answer["reason"], answer["note"]), ("uplink", ""))
        self.ks("disarm", expect=0)
        done = self.ks("explain", "udp", "198.51.100.9:4444", expect=0)
        self.assertTrue(done.stdout.startswith("ALLOWED (open)"))

    def test_the_text_says_why_and_fits(self):
        self.start_and_wait()
        text = self.ks("explain", "udp", "192.168.7.9:631", expect=1).stdout
        self.assertTrue(text.startswith("REFUSED (lan): the local network is not allowed\n"), text)
        for part in ("  route   by eth0, on-link\n", " of output: ", "lan.allow is false (default)",
                     "  to let  lan: { allow: true }\n"):
            self.assertIn(part, text)
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])

    @needs_real_root()
    def test_nobody_may_ask_too(self):
        self.start_and_wait()
        done = self.ks("explain", "udp", "192.168.7.9:631", expect=1, user=NOBODY)
        self.assertTrue(done.stdout.startswith("REFUSED (lan)"))

    def test_what_is_no_packet_is_a_mistake_of_usage(self):
        for words in (("udp", "here:53"), ("udp", "192.0.2.1"), ("icmp", "192.0.2.1:1"),
                      ("quic", "192.0.2.1:443"), ("udp", "192.0.2.1:0"),
                      ("udp", "192.0.2.1:70000"), ("udp", "192.0.2.1:53", "--mark", "x"),
                      ("udp", "192.0.2.1:53", "--user", "no-such-user"),
                      ("udp", "192.0.2.1:53", "--from", "docker0"),
                      ("udp", "192.0.2.1:53", "--from", "2001:db8::1")):
            self.ks("explain", *words, expect=2)
        self.ks("explain", "icmp", "192.0.2.9", expect=0)


if __name__ == "__main__":
    cli_support.main()
