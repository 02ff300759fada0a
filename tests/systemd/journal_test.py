#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Events reach a real journal with their fields, and its catalog explains them: `journal_test.py BUILD PROGRAM`."""
import json
import pathlib
import subprocess
import sys
import tempfile

from own_systemd import own_systemd, wait_for

CONFIG = 'version: 1\nmode: always\ntunnels: [{ interface: wg0, kind: tun, endpoints: ["203.0.113.7:51820/udp"] }]\n'
UNITS = ["systemd-journald.service", "killswitchd.socket", "killswitchd.service"]


def entries(machine, *matches):
    text = machine.run("journalctl", "-o", "json", "--no-pager", "-q", *matches, check=False).stdout
    return [json.loads(line) for line in text.splitlines()]


def last_state(machine):
    found = entries(machine, "KILLSWITCHD_EVENT=state-change")
    return found[-1]["KILLSWITCHD_STATE"] if found else None


def follows_the_state(machine):
    wait_for(lambda: last_state(machine) == "locked", "the journal says locked")
    assert "KILLSWITCHD_TUNNEL" not in entries(machine, "KILLSWITCHD_EVENT=state-change")[-1]
    machine.run("ip", "tuntap", "add", "wg0", "mode", "tun")
    machine.run("ip", "link", "set", "wg0", "up")
    wait_for(lambda: last_state(machine) == "protected", "the journal says protected")
    entry = entries(machine, "KILLSWITCHD_EVENT=state-change")[-1]
    assert entry["KILLSWITCHD_TUNNEL"] == "wg0" and entry["_SYSTEMD_UNIT"] == "killswitchd.service", entry
    assert entry["MESSAGE"].startswith("state-change: ") and entry["PRIORITY"] == "5", entry
    assert entry["_TRANSPORT"] == "journal", entry
    return entry["MESSAGE_ID"]


def boot_stage_tells_the_console(machine):
    """systemd copies what comes by standard error there, and nothing else."""
    machine.write("/etc/killswitchd/killswitchd.yaml", "version: 1\nmode: sometimes\n", "0600")
    machine.run("systemctl", "stop", "killswitchd.service")
    machine.run("systemctl", "restart", "killswitchd-boot.service", check=False)
    boot = "_SYSTEMD_UNIT=killswitchd-boot.service"
    wait_for(lambda: [e for e in entries(machine, boot, "_TRANSPORT=stdout") if e["MESSAGE"].startswith("config-invalid: ")],
             "its event comes by standard error")
    assert not entries(machine, boot, "_TRANSPORT=journal"), "an event went past the console"


def explained(build, message_id):
    """The text of the installed catalog for this id."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", f"{folder}/all"], check=True,
                       stdout=subprocess.DEVNULL)
        catalog = next(pathlib.Path(folder, "all").rglob("killswitchd.catalog"))
        root = pathlib.Path(folder, "root")
        (root / "usr/lib/systemd/catalog").mkdir(parents=True)
        (root / "var/lib/systemd/catalog").mkdir(parents=True)
        (root / "usr/lib/systemd/catalog/killswitchd.catalog").write_bytes(catalog.read_bytes())
        updated = subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], capture_output=True, text=True,
                                 check=True)
        assert not updated.stderr.strip(), updated.stderr
        return subprocess.run(["journalctl", f"--root={root}", "--dump-catalog", message_id], capture_output=True,
                              text=True, check=True).stdout


def main():
    build, program = sys.argv[1:]
    with own_systemd(build, program, CONFIG, UNITS, journal=True) as machine:
        message_id = follows_the_state(machine)
        boot_stage_tells_the_console(machine)
    text = explained(build, message_id)
    assert "The kill switch is now: @KILLSWITCHD_STATE@" in text, text
    print("events reach the journal with their fields")


if __name__ == "__main__":
    main()
