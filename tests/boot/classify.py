#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What left a network card, by phase: `classify.py CAPTURE --endpoint ADDRESS --port N`.

Reads a pcap file. Prints one line for each phase and, per kind, what must not have left. Exit code
1 when something leaked, 2 when a phase of --expect is missing.
"""
import argparse
import collections
import ipaddress
import struct
import sys

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
UDP = 17
MARK = struct.pack("!HHHBBH", ARP, 0, 0, 0, 0, 24)  # ARP with an operation of its own; then the phase.
TEXT = 14 + 28
RAW = "ipv4 protocol 17 to 198.51.100.10:4000"  # What the chatterer's packet socket sends.


def frames(data):
    """Frames of a classic pcap file; one that was cut off at the end of the run is left out."""
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(data):
        (length,) = struct.unpack_from(order + "I", data, at + 8)
        if at + 16 + length > len(data):
            return
        yield data[at + 16 : at + 16 + length]
        at += 16 + length


def describe(frame, endpoint, port):
    """Why a frame may leave, or what leaked: (allowed, words)."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    packet = frame[14:]
    if kind == ARP:
        return True, "arp"
    if kind == IPV4:
        header = (packet[0] & 0x0F) * 4
        protocol = packet[9]
        target = ipaddress.ip_address(packet[16:20])
        ports = struct.unpack_from("!HH", packet, header) if protocol in (6, UDP) else (0, 0)
        if protocol == UDP and (str(target), ports[1]) == (endpoint, port):
            return True, "endpoint"
        if protocol == UDP and ports == (68, 67):
            return True, "dhcp"
        return False, f"ipv4 protocol {protocol} to {target}:{ports[1]}"
    if kind == IPV6:
        return False, f"ipv6 next header {packet[6]} to {ipaddress.ip_address(packet[24:40])}"
    return False, f"ethertype {kind:#06x}"


def judge(data, endpoint, port):
    """Phase -> Counter of words, for what may leave and for what leaked. In order."""
    phases = {"power-on": (collections.Counter(), collections.Counter())}
    phase = "power-on"
    for frame in frames(data):
        if frame[12:22] == MARK:
            phase = frame[TEXT:].rstrip(b"\0").decode("ascii", "replace")
            phases.setdefault(phase, (collections.Counter(), collections.Counter()))
            continue
        allowed, words = describe(frame, endpoint, port)
        phases[phase][0 if allowed else 1][words] += 1
    return phases


def capture(*all_frames):
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in all_frames)


def self_test():
    def udp(target, port):
        ip = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, UDP, 0, 0, 192, 0, 2, 1])
        return b"\0" * 12 + struct.pack("!H", IPV4) + ip + ipaddress.ip_address(target).packed + struct.pack(
            "!HHHH", 1, port, 8, 0
        )

    marked = b"\0" * 12 + MARK + b"\0" * 20 + b"up" + b"\0" * 20
    six = b"\0" * 12 + struct.pack("!H", IPV6) + b"\0" * 40
    phases = judge(capture(udp("203.0.113.7", 1), marked, udp("198.51.100.9", 4), six), "203.0.113.7", 1)
    assert list(phases) == ["power-on", "up"]
    assert not phases["power-on"][1] and phases["power-on"][0]["endpoint"] == 1
    assert sum(phases["up"][1].values()) == 2
    assert sum(judge(capture(udp("203.0.113.7", 2)), "203.0.113.7", 1)["power-on"][1].values()) == 1


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("capture")
    options.add_argument("--endpoint", default="203.0.113.7")
    options.add_argument("--port", type=int, default=51820)
    options.add_argument("--expect", default="", help="phases that must be there, by comma")
    options.add_argument("--open", default="", help="phases that are open, and must have leaked")
    options.add_argument("--raw", default="", help="phases in which packet sockets get through")
    arguments = options.parse_args()
    self_test()
    with open(arguments.capture, "rb") as file:
        phases = judge(file.read(), arguments.endpoint, arguments.port)
    wanted_open = set(filter(None, arguments.open.split(",")))
    wrong = 0
    for phase in filter(None, arguments.raw.split(",")):
        phases[phase][0][RAW] = phases[phase][1].pop(RAW, 0)
    for phase, (allowed, leaked) in phases.items():
        count = sum(leaked.values())
        as_wanted = (count > 0) == (phase in wanted_open or arguments.open == "all" and count > 0)
        wrong += not as_wanted
        print(f"{'ok' if as_wanted else 'WRONG':5} {phase:24} leaked {count:5}  allowed {dict(allowed)}")
        for words, number in leaked.most_common(0 if as_wanted else 5):
            print(f"        {number:5} {words}")
    missing = [p for p in filter(None, arguments.expect.split(",")) if p not in phases]
    if missing:
        print(f"phases that never came: {missing}")
        return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
