#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`reconnect` restarts the unit of a tunnel that is down, under a real systemd: `reconnect_test.py BUILD PROGRAM`."""
import sys

from own_systemd import own_systemd, wait_for

CONFIG = ('version: 1\nmode: always\ntunnels: [{ interface: wg0, kind: tun, endpoints: ["203.0.113.7:51820/udp"]%s }]\n')
HELP = ", reconnect: { unit: %s, after: 1s }"
# What brings up a VPN, and one that nobody may ask for.
VPN = ("[Service]\nType=oneshot\nExecStart=/bin/sh -c '%s echo %%i >>/run/%s'\n")
UNITS = ["killswitchd.socket", "killswitchd.service", "killswitchd-reconnect.path", "paths.target"]
CONFIG_FILE = "/etc/killswitchd/killswitchd.yaml"


def log_of(machine, name):
    return machine.run("cat", f"/run/{name}", check=False).stdout.split()


def use(machine, text):
    machine.write(CONFIG_FILE, text, "0600")
    machine.run("killswitchd", "reload")


def request(machine, *units):
    machine.write("/run/killswitchd/request", "".join(f"{unit}\n" for unit in units), "0600")
    machine.run("mv", "/run/killswitchd/request", "/run/killswitchd/reconnect")


def taken(machine):
    wait_for(lambda: machine.run("test", "-e", "/run/killswitchd/reconnect", check=False).returncode != 0
             and machine.state_of("killswitchd-reconnect.service") in ("inactive", "failed"), "the requests are taken")


def names_no_other_unit(machine):
    """What somebody else wrote there, with the right owner, still restarts nothing."""
    request(machine, "other@x.service", "vpn@wg1.service", "--force", "vpn@wg0.service; reboot")
    taken(machine)
    assert not log_of(machine, "other") and not log_of(machine, "vpn")


def restarts_what_is_down(machine):
    use(machine, CONFIG % (HELP % "vpn@wg0.service"))
    wait_for(lambda: log_of(machine, "vpn"), "the unit is restarted")
    assert set(log_of(machine, "vpn")) == {"wg0"}
    wait_for(lambda: "PROTECTED" in machine.run("killswitchd", "status", "--short", check=False).stdout, "the tunnel is back")


def asks_for_what_fails_again(machine):
    """It comes up only with the third request."""
    machine.run("ip", "link", "set", "wg0", "down")
    machine.run("rm", "/run/vpn")
    machine.write("/etc/systemd/system/vpn@.service", VPN % ('[ "$(wc -l </run/vpn)" -lt 2 ] || ip link set wg0 up;', "vpn"))
    machine.run("touch", "/run/vpn")
    machine.run("systemctl", "daemon-reload")
    wait_for(lambda: "PROTECTED" in machine.run("killswitchd", "status", "--short", check=False).stdout, "the tunnel is back")
    assert log_of(machine, "vpn") == ["wg0"] * 3, log_of(machine, "vpn")


def main():
    build, program = sys.argv[1:]
    with own_systemd(build, program, CONFIG % "", UNITS) as machine:
        machine.write("/etc/systemd/system/vpn@.service", VPN % ("ip tuntap add wg0 mode tun; ip link set wg0 up;", "vpn"))
        machine.write("/etc/systemd/system/other@.service", VPN % ("", "other"))
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "other@control.service")  # Else its silence proves nothing.
        assert log_of(machine, "other") == ["control"]
        machine.run("rm", "/run/other")
        names_no_other_unit(machine)
        restarts_what_is_down(machine)
        asks_for_what_fails_again(machine)
        warned = use_with_missing_unit(machine)
        assert "vpn-of-nobody.service" in warned, warned
    print("the unit of a tunnel that is down is restarted, and no other")


def use_with_missing_unit(machine):
    machine.write(CONFIG_FILE, CONFIG % (HELP % "vpn-of-nobody.service"), "0600")
    return machine.run("killswitchd", "check").stdout


if __name__ == "__main__":
    main()
