# SPDX-License-Identifier: GPL-2.0-or-later
"""What README.md shows works: its configurations pass `check`, its commands run, its links exist.

Commands run in order, in a network namespace of their own, as root, with the paths moved.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/netns"))

import cli_support  # pylint: disable=wrong-import-position
from cli_support import PROGRAM, Case, run, wait_until  # pylint: disable=wrong-import-position

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Too long for a test of a page, or about the tree as a whole; each has a test of its own.
BUILDING = ("apt", "meson", "ninja", "systemctl")
# `test` is played whole by other tests.
SHORTER = {"test": ["test", "--drill", "disconnect"]}
# The service is not there yet, or the state is what the block before has left.
EXITS = {"status": (0, 1)}


def blocks(language):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def commands():
    return [line for body in blocks("sh") for line in body.splitlines() if line.strip()]


class Readme(Case):
    def verb_of_dev(self, verb):
        listed = run("sh", str(ROOT / "dev"), "help").stdout
        self.assertRegex(listed, r"(?m)^  {} ".format(re.escape(verb)))

    def killswitchd(self, words):
        if words == ["run"]:
            self.start_and_wait()
            return
        if "--confirm" in words:  # It waits for the next command.
            self.waiting = subprocess.Popen([PROGRAM, *self.paths, *words])
            wait_until(lambda: self.report()["confirm_within"], "a confirmation is due")
            return
        done = run(PROGRAM, *self.paths, *SHORTER.get(words[0], words))
        self.assertIn(done.returncode, EXITS.get(words[0], (0,)), done.stdout + done.stderr)
        if words == ["confirm"]:
            self.assertEqual(self.waiting.wait(cli_support.DEADLINE_SECONDS), 0)

    def perform(self, line):
        words = shlex.split(line)
        words = words[1:] if words[0] == "sudo" else words
        if words[0] == "./dev":
            self.verb_of_dev(words[1])
        elif words[0] == "killswitchd":
            self.killswitchd(words[1:])
        elif words[0] == "nft":
            self.stop(self.service)  # As the text before it demands.
            cli_support.nft(*words[1:])
        else:
            self.assertIn(words[0], BUILDING, "a command that this test does not know")

    def test_each_configuration_is_valid_and_opens_no_hole(self):
        self.assertGreaterEqual(len(blocks("yaml")), 2)
        for text in blocks("yaml"):
            self.write(text)
            done = self.ks("check", expect=0)
            self.assertNotIn("hole", done.stdout)
            self.assertEqual(done.stderr, "")

    def test_each_command_works_in_the_order_of_the_page(self):
        self.assertGreaterEqual(len(commands()), 10)
        for text in blocks("yaml"):
            with self.subTest(text):
                self.write(text)
                for line in commands():
                    self.perform(line)
                self.assertFalse(cli_support.table_exists())

    def test_what_is_wrong_is_found(self):
        for line in ("sudo killswitchd harm", "killswitchd status --jsn", "sudo ./dev dmo",
                     "sudo service killswitchd start", "killswitchd check no-such-file"):
            with self.assertRaises(AssertionError):
                self.perform(line)

    def test_the_states_are_those_of_the_program(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        source = (ROOT / "src/core/judge.cpp").read_text(encoding="utf-8")
        for word in re.findall(r"^\| `([A-Z]+)`", text, re.MULTILINE):
            self.assertIn('return "{}"'.format(word), source)

    def test_each_path_in_the_tree_exists(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        for path in re.findall(r"`((?:src|include|tests|rules|examples)/[\w/]*)`", text):
            self.assertTrue(os.path.exists(ROOT / path), path)


if __name__ == "__main__":
    cli_support.main()
