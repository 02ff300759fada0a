#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Services run only in the state that they ask for, under a real systemd: `targets_test.py BUILD PROGRAM EXAMPLES`."""
import pathlib
import sys
import time

from own_systemd import own_systemd, wait_for

CONFIG = 'version: 1\nmode: always\ntunnels: [{ interface: wg0, kind: tun, endpoints: ["203.0.113.7:51820/udp"] }]\n'
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n"
TORRENT = "qbittorrent-nox@me.service"
STATES = ("locked", "protected", "unguarded")
UNITS = ["killswitchd.socket", "killswitchd.service", "paths.target"]


def active(machine):
    """Those of the three targets that systemd has; after a change there may be none for a moment."""
    return [s for s in STATES if machine.state_of(f"killswitchd-{s}.target") == "active"]


def becomes(machine, state):
    wait_for(lambda: active(machine) == [state], f"{active(machine)} become {state}")
    marks = machine.run("ls", "/run/killswitchd").stdout.split()
    assert [m for m in marks if m.startswith("is-")] == [f"is-{state}"], marks


def furnish(machine, example):
    machine.write("/etc/systemd/system/qbittorrent-nox@.service", SERVICE)
    machine.write("/etc/systemd/system/qbittorrent-nox@.service.d/protected.conf", example)
    machine.write("/etc/systemd/system/careless.service",  # Wanted by it, not bound to it: the control.
                  "[Unit]\nStartLimitIntervalSec=0\n" + SERVICE + "[Install]\nWantedBy=killswitchd-protected.target\n")
    machine.write("/etc/systemd/system/demanding.service",
                  "[Unit]\nRequires=killswitchd-protected.target\nAfter=killswitchd-protected.target\n" + SERVICE)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", TORRENT, "careless.service")


def tunnel(machine, direction):
    machine.run("ip", "link", "set", "wg0", direction)


def refuses_outside_its_state(machine):
    for unit in (TORRENT, "demanding.service"):
        assert machine.run("systemctl", "start", unit, check=False).returncode != 0, f"{unit} started while locked"
        assert machine.state_of(unit) != "active"
    assert active(machine) == ["locked"], "a service that wants the target made it true"
    assert machine.run("systemctl", "start", "killswitchd-protected.target", check=False).returncode != 0


def follows_the_tunnel(machine):
    machine.run("ip", "tuntap", "add", "wg0", "mode", "tun")
    tunnel(machine, "up")
    becomes(machine, "protected")
    for unit in (TORRENT, "careless.service"):
        machine.wait_for_state(unit, "active")
    began = time.monotonic()
    tunnel(machine, "down")
    machine.wait_for_state(TORRENT, "inactive")
    print(f"stopped {1000 * (time.monotonic() - began):.0f} ms after the tunnel went down, two commands included")
    becomes(machine, "locked")
    assert machine.state_of("careless.service") == "active", "the control was stopped too: this proves nothing"
    for _ in range(20):  # Faster than systemd can follow: what counts is the last.
        tunnel(machine, "up")
        tunnel(machine, "down")
    tunnel(machine, "up")
    becomes(machine, "protected")
    machine.wait_for_state(TORRENT, "active")


def follows_decisions(machine):
    for leave, state, back in (("disarm", "unguarded", "arm"), ("lock", "locked", "unlock")):
        machine.run("killswitchd", leave)
        machine.wait_for_state(TORRENT, "inactive")
        becomes(machine, state)
        machine.run("killswitchd", back)
        becomes(machine, "protected")
        machine.wait_for_state(TORRENT, "active")


def without_a_service_nobody_guards(machine):
    machine.run("systemctl", "stop", "killswitchd.service")
    machine.wait_for_state(TORRENT, "inactive")
    becomes(machine, "unguarded")
    machine.run("systemctl", "start", "killswitchd.service")
    becomes(machine, "protected")
    machine.wait_for_state(TORRENT, "active")


def main():
    build, program, examples = sys.argv[1:]
    example = pathlib.Path(examples, "systemd/qbittorrent-protected.conf").read_text(encoding="ascii")
    paths = [f"killswitchd-{state}.path" for state in STATES]
    with own_systemd(build, program, CONFIG, UNITS + paths) as machine:
        furnish(machine, example)
        becomes(machine, "locked")
        refuses_outside_its_state(machine)
        follows_the_tunnel(machine)
        follows_decisions(machine)
        without_a_service_nobody_guards(machine)
    print("a service bound to a state runs in no other")


if __name__ == "__main__":
    main()
