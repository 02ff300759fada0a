# SPDX-License-Identifier: GPL-2.0-or-later
"""What README.md shows works: its commands run and print what stands there, its settings pass
`check`, its links exist.

Commands run in order, in a network namespace of their own, as root, with the paths moved. With
KS_ACCEPT=1 what they print is written into the page.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/netns"))

import cli_support  # pylint: disable=wrong-import-position
from cli_support import GOOD, PROGRAM, Case, run, wait_until  # pylint: disable=wrong-import-position

PAGE = ROOT / "README.md"
ACCEPT = "KS_ACCEPT" in os.environ
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Too long for a test of a page, or about the tree as a whole; each has a test of its own.
BUILDING = ("apt", "meson", "ninja", "systemctl")
WIREGUARD = """[Interface]
PrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
Address = 10.2.0.2/32

[Peer]
PublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
AllowedIPs = 0.0.0.0/0
Endpoint = 203.0.113.7:51820
"""


def page():
    """Without the marks of the box, whose commands count as well."""
    return re.sub("(?m)^> ?", "", PAGE.read_text(encoding="utf-8"))


def steps(text):
    """Each command of the page, with the lines that it is to print; None: nobody says which."""
    found = []
    for kind, body in BLOCK.findall(text):
        for line in body.splitlines():
            if kind == "sh" and line.strip():
                found.append((line, None))
            elif line.startswith("$ "):
                found.append((line[2:], []))
            elif kind == "console":
                found[-1][1].append(line)
    return found


class Readme(Case):
    def setUp(self):
        super().setUp()
        shutil.copy(ROOT / "etc/killswitchd.yaml", self.config)
        self.vpn = self.dir + "/wg0.conf"
        self.write(WIREGUARD, self.vpn, mode=0o600)
        self.waiting = None
        self.printed = {}

    def shown(self, text):
        """As it is where the files lie as usual."""
        text = text.replace(self.config, "/etc/killswitchd/killswitchd.yaml")
        text = text.replace("(tun)", "(wireguard)")  # Many test machines have no such device.
        # The package's boot unit is not here.
        text = text.replace("not locked before the service starts", "locked from power-on")
        return text.replace(self.vpn, "/etc/wireguard/wg0.conf")

    def told(self, text):
        """Without what differs from run to run, and where lines are broken."""
        text = re.sub(r"(?m)^  (since|refused) .*\n?", "", self.shown(text))
        return " ".join(re.sub(r"\d+(\.\d+)?", "N", text).split())

    def verb_of_dev(self, verb):
        listed = run("sh", str(ROOT / "dev"), "help").stdout
        self.assertRegex(listed, r"(?m)^  {} ".format(re.escape(verb)))

    def prove(self, lines):
        """One drill stands for all: its line, and what stands around the lines."""
        if ACCEPT:
            return run(PROGRAM, *self.paths, "test").stdout
        names = self.ks("test", "--drill", "-", expect=2).stderr.split("there are: ")[1].split(", ")
        played = self.ks("test", "--drill", "ipv6", expect=0).stdout.splitlines()
        rows = [line for line in lines if line.endswith("   holds")]
        self.assertEqual(len(rows), len(names) - 1)  # There are no exceptions.
        row = next(line for line in played if line.endswith("   holds"))
        self.assertIn(self.told(row), [self.told(line) for line in rows])
        rest = [line for line in lines if line not in rows]
        self.assertEqual(self.told("\n".join(rest)).replace("drills in", "drill in"),
                         self.told("\n".join(line for line in played if line != row)))
        return None

    def killswitchd(self, words, lines):
        words = [self.vpn if word == "/etc/wireguard/wg0.conf" else word for word in words]
        if words[0] == "test":
            return self.prove(lines)
        if "--confirm" in words:  # It waits for the next command.
            log = self.dir + "/arm"
            with open(log, "wb") as file:
                self.waiting = subprocess.Popen([PROGRAM, *self.paths, *words], stdout=file)
            wait_until(lambda: self.report()["confirm_within"], "a confirmation is due")
            with open(log, encoding="utf-8") as file:
                wait_until(lambda: file.seek(0) == 0 and "confirm\n" in file.read(), "it says how")
                file.seek(0)
                return file.read()
        done = self.ks(*words, expect=0)
        if words == ["confirm"]:
            self.assertEqual(self.waiting.wait(cli_support.DEADLINE_SECONDS), 0)
        return done.stdout + done.stderr

    def perform(self, line, lines=None):
        """\\return what it printed, where that is to be compared."""
        words = shlex.split(line)
        words = words[1:] if words[0] == "sudo" else words
        if words[0] == "./dev":
            self.verb_of_dev(words[1])
        elif words[0] == "killswitchd":
            return self.killswitchd(words[1:], lines or [])
        elif words == ["wg-quick", "up", "wg0"]:
            self.tunnel("wg0")
            self.wait_for_state("protected")
        else:
            self.assertIn(words[0], BUILDING, "a command that this test does not know")
        return None

    def accept(self):
        """Numbers and all."""
        kept, console = [], False
        for line in PAGE.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.startswith("```"):
                console = line == "```console\n"
            if not console or line.startswith(("$ ", "```")):
                kept.append(line)
            if console and line.startswith("$ "):
                kept.append(self.printed.get(line[2:].strip(), ""))
        PAGE.write_text("".join(kept), encoding="utf-8")

    def test_each_command_works_and_prints_what_the_page_shows(self):
        self.start_and_wait()
        found = steps(page())
        self.assertGreaterEqual(len(found), 10)
        for line, lines in found:
            with self.subTest(line):
                printed = self.perform(line, lines)
                if printed is not None and lines is not None:
                    self.printed[line] = self.shown(printed)
                    if not ACCEPT:
                        self.assertEqual(self.told("\n".join(lines)), self.told(printed))
        self.assertFalse(cli_support.table_exists())
        if ACCEPT:
            self.accept()
            self.skipTest("written anew")

    def test_each_setting_that_it_names_is_valid(self):
        settings = re.findall(r"`((?:lan|allow|scope|mode|ownership): [^`]+)`", page())
        self.assertGreaterEqual(len(settings), 4)
        for setting in settings:
            lines = [line for line in GOOD.splitlines()
                     if line.split(":")[0] != setting.split(":")[0]]
            more = "apps: { users: [1] }" if setting == "scope: apps" else ""
            self.write("\n".join([*lines, setting, more, ""]))
            self.ks("check", expect=0)

    def test_each_command_that_it_names_exists(self):
        known = run(PROGRAM, "--help").stdout
        named = re.findall(r"`(?:sudo )?killswitchd ([a-z]+)", page())
        self.assertGreaterEqual(len(named), 15)
        for verb in named:
            self.assertRegex(known, r"(?m)^  {} ".format(verb))

    @unittest.skipIf(ACCEPT, "the page is written anew")
    def test_what_is_wrong_is_found(self):
        self.start_and_wait()
        for line in ("sudo killswitchd harm", "killswitchd status --jsn", "sudo ./dev dmo",
                     "sudo service killswitchd start", "killswitchd check no-such-file"):
            with self.assertRaises(AssertionError):
                self.perform(line)
        with self.assertRaises(AssertionError):
            self.prove(["  IPv6    1    1    0   holds"])

    def test_the_states_are_those_of_the_program(self):
        source = (ROOT / "src/core/judge.cpp").read_text(encoding="utf-8")
        for word in re.findall(r"^\| `([A-Z]+)`", page(), re.MULTILINE):
            self.assertIn('return "{}"'.format(word), source)

    def test_each_path_in_the_tree_exists(self):
        paths = re.findall(r"`((?:src|include|tests|rules|examples|docs|packaging)/[\w/.-]*)`", page())
        paths += re.findall(r"\]\(([^)#:]+)\)", page())
        self.assertGreaterEqual(len(paths), 6)
        for path in paths:
            self.assertTrue(os.path.exists(ROOT / path), path)


if __name__ == "__main__":
    cli_support.main()
