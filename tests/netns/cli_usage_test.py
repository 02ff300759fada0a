# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line itself: help, slips of the fingers, exit codes, colours, `render` and `diff`."""
import json
import os
import pty
import signal

import cli_support
from cli_support import Case, PROGRAM, egress_chain, meaning, nft, run

COMMANDS = ("status", "check", "render", "diff", "explain", "arm", "disarm", "lock", "unlock", "reload",
            "monitor", "test", "run", "boot")


class Help(Case):
    def test_lists_every_command_in_80_columns(self):
        text = run(PROGRAM, "--help").stdout
        for command in COMMANDS:
            self.assertRegex(text, r"(?m)^  {} ".format(command))
        self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])

    def test_of_each_command_says_what_it_does_in_80_columns(self):
        for command in COMMANDS:
            done = run(PROGRAM, command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("killswitchd " + command, done.stdout)
            self.assertNotIn("Examples", done.stdout)  # Those of the program as a whole.
            self.assertEqual([x for x in done.stdout.splitlines() if len(x) > 80], [])

    def test_version(self):
        self.assertRegex(run(PROGRAM, "--version").stdout, r"^killswitchd \d+\.\d+\.\d+\n$")


class Usage(Case):
    def refused(self, words, *texts):
        done = self.ks(*words, expect=2)
        self.assertEqual(done.stdout, "")
        for text in texts:
            self.assertIn(text, done.stderr)

    def test_slips_of_the_fingers_get_the_right_word(self):
        self.refused(["statsu"], "there is no command 'statsu'", "did you mean 'status'?")
        self.refused(["disram"], "did you mean 'disarm'?")
        self.refused(["status", "--jsno"], "did you mean '--json'?")
        self.refused(["test", "--drill", "no-such-drill"], "no-such-drill")

    def test_what_cannot_be_meant_is_refused(self):
        self.refused(["xyzzy"], "there is no command 'xyzzy'", "--help")
        self.refused(["arm", "disarm"], "disarm")
        self.refused(["check", "a", "b"], "b")
        self.refused(["render", "--state", "open"],
                     "--state: 'open' is none of disarmed, locked, protected, paused, panic\n")
        self.refused(["render", "--format", "xml"], "--format: 'xml' is none of nft, json\n")
        for words in (["status", "--color", "maybe"], ["--color", "2", "status"]):
            self.refused(words, "error: --color: '{}' is none of auto, always, never\n".format(
                "maybe" if "maybe" in words else "2"))

    def test_an_option_without_its_value_says_what_is_lacking(self):
        self.refused(["arm", "--confirm"], "error: --confirm needs SECONDS behind it\n")
        self.refused(["status", "--config"], "error: --config needs FILE behind it\n")
        self.refused(["render", "--state"], "error: --state needs STATE behind it\n")

    def test_options_may_stand_before_and_behind_the_command(self):
        self.assertEqual(run(PROGRAM, "check", "--config", self.config).returncode, 0)
        self.assertEqual(run(PROGRAM, "--config", self.config, "check").returncode, 0)

    def test_commands_that_need_the_service_say_how_to_start_it(self):
        for command in ("reload", "monitor"):
            self.assertIn("killswitchd run", self.ks(command, expect=1).stderr)


class Colour(Case):
    def on_terminal(self, *words, **variables):
        ours, theirs = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
        environment.update({"TERM": "xterm"}, **variables)
        child = os.posix_spawn(PROGRAM, [PROGRAM, *self.paths, *words], environment,
                               file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 1)])
        os.waitpid(child, 0)
        os.close(theirs)
        try:
            return os.read(ours, 65536)
        finally:
            os.close(ours)

    def test_a_pipe_is_plain_unless_asked(self):
        self.assertNotIn("\033", self.ks("status").stdout)
        self.assertIn("\033", self.ks("status", "--color", "always").stdout)

    def test_a_terminal_is_coloured_unless_asked(self):
        self.assertIn(b"\033", self.on_terminal("status"))
        self.assertNotIn(b"\033", self.on_terminal("status", "--color", "never"))
        self.assertNotIn(b"\033", self.on_terminal("status", NO_COLOR="1"))
        self.assertNotIn(b"\033", self.on_terminal("status", TERM="dumb"))

    def test_json_is_never_coloured(self):
        json.loads(self.ks("status", "--json", "--color", "always").stdout)


class Render(Case):
    def test_text_and_json_load_and_are_the_same_in_each_state(self):
        listings = []
        for state in ("locked", "protected", "panic"):
            listed = []
            for form, load in (("nft", ["-f", "-"]), ("json", ["-j", "-f", "-"])):
                text = self.ks("render", "--state", state, "--format", form, expect=0).stdout
                nft("flush", "ruleset")
                nft(*load, stdin=text)
                listed.append(meaning())
            self.assertEqual(listed[0], listed[1])
            listings.append(listed[0])
        self.assertEqual(len({json.dumps(listing) for listing in listings}), 3)

    def test_disarmed_loads_and_is_nothing(self):
        for form, load in (("nft", ["-f", "-"]), ("json", ["-j", "-f", "-"])):
            text = self.ks("render", "--state", "disarmed", "--format", form, expect=0).stdout
            nft(*load, stdin=text)
            self.assertEqual(nft("list", "ruleset"), "")

    def test_a_broken_config_renders_nothing(self):
        self.write("version: 2\n")
        self.assertEqual(self.ks("render", expect=5).stdout, "")

    def test_diff_finds_what_differs(self):
        self.ks("arm", expect=0)
        self.assertIn("no difference", self.ks("diff", expect=0).stdout)
        nft("insert", "rule", "inet", "killswitchd", "output", "accept")
        self.assertEqual(self.ks("diff", expect=1).stdout,
                         "chain inet killswitchd output\n+   1 accept\n")
        nft("delete", "table", "inet", "killswitchd")
        self.assertEqual(self.ks("diff", expect=1).stdout,
                         "table inet killswitchd\n- missing\n")

    def test_diff_looks_at_the_tables_of_all_families(self):
        run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        self.stop(self.start_and_wait(), signal.SIGKILL)  # Which would restore the rules.
        chain = egress_chain("eth0")
        nft("insert", "rule", "netdev", "killswitchd", chain, "accept")
        nft("delete", "rule", "inet", "killswitchd", "output", "handle", self.last_handle())
        nft("add", "quota", "inet", "killswitchd", "mine", "{ over 1 mbytes; }")
        shown = self.ks("diff", expect=1).stdout
        for text in (f"chain netdev killswitchd {chain}\n+   1 accept\n",
                     'drop comment "nothing passes here"\n',
                     "quota inet killswitchd mine\n+ not ours\n"):
            self.assertIn(text, shown)

    def last_handle(self):
        rules = nft("-a", "list", "chain", "inet", "killswitchd", "output").splitlines()
        return [line for line in rules if "nothing passes here" in line][0].split()[-1]


if __name__ == "__main__":
    cli_support.main()
