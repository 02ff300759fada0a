# SPDX-License-Identifier: GPL-2.0-or-later
"""A mistake in the config never changes the rules in the kernel; `boot` and the built-in lock."""
import os
import re

import cli_support
from cli_support import Case, GOOD, NOBODY, needs_real_root, nft, ruleset, run, table_exists

# What is wrong -> the file's content. These have a position.
POSITIONED = {
    "unknown key": GOOD + "tunels: []\n",
    "wrong type": GOOD.replace("mode: always", "mode: [always]"),
    "bad address": GOOD.replace("203.0.113.7", "203.0.113.700"),
    "bad port": GOOD.replace(":51820", ":70000"),
    "duplicate key": GOOD + "mode: always\n",
    "tab": GOOD.replace("  - name", "\t- name"),
    "quoted boolean": GOOD + "lan: { allow: \"true\" }\n",
    "two documents": GOOD + "---\nversion: 1\n",
    "truncated": GOOD[:GOOD.index("fwmark")] + "fwmark: [",
    "missing mode": "version: 1\ntunnels: [{ interface: wg0 }]\n",
}
# These are about the file as a whole.
WHOLE = {
    "10 MB": GOOD.encode() + b"#" * 10_000_000,
    "binary": bytes(range(256)) * 8,
    "empty": b"",
}


class Mistakes(Case):
    def break_it(self, what):
        if what in POSITIONED or what in WHOLE:
            self.write(POSITIONED.get(what, WHOLE.get(what)))
        elif what == "missing":
            os.unlink(self.config)
        elif what == "a folder":
            os.unlink(self.config)
            os.mkdir(self.config)
        elif what == "world-writable":
            self.write(GOOD, mode=0o666)
        elif what == "of another owner":
            os.chown(self.config, NOBODY, NOBODY)

    def mend(self, what):
        if what == "a folder":
            os.rmdir(self.config)
        if os.path.exists(self.config):
            os.chown(self.config, 0, 0)
        self.write(GOOD)

    def for_each_mistake(self, look):
        kinds = [*POSITIONED, *WHOLE, "missing", "a folder", "world-writable"]
        with open("/proc/self/uid_map", encoding="ascii") as file:
            if int(file.read().split()[2]) > NOBODY:
                kinds.append("of another owner")
        for what in kinds:
            with self.subTest(what):
                self.break_it(what)
                look(what)
            self.mend(what)

    def assert_named(self, what, text):
        place = r":\d+:\d+: error: " if what in POSITIONED else r"(:\d+:\d+)?: error: "
        self.assertRegex(text, "killswitchd.yaml" + place)

    def test_reload_keeps_the_rules(self):
        self.start_and_wait()
        self.tunnel()
        self.wait_for_state("protected")
        before = ruleset()

        def look(what):
            done = self.ks("reload", expect=5)
            self.assert_named(what, done.stderr)
            self.assertIn("the previous config stays in force", done.stderr)
            self.assertEqual(ruleset(), before)
            self.assertIsNone(self.service.poll())
        self.for_each_mistake(look)
        self.ks("reload", expect=0)
        self.assertEqual(ruleset(), before)

    def test_check_changes_nothing(self):
        self.ks("arm", expect=0)
        before = ruleset()

        def look(what):
            self.assert_named(what, self.ks("check", expect=5).stderr)
            self.assertEqual(ruleset(), before)
        self.for_each_mistake(look)

    def test_run_over_standing_rules_keeps_them(self):
        self.ks("arm", expect=0)
        before = ruleset()

        def look(what):
            self.assert_named(what, self.ks("run", expect=5).stderr)
            self.assertEqual(ruleset(), before)
        self.for_each_mistake(look)

    def test_without_rules_run_and_boot_load_the_builtin_lock(self):
        def look(_):
            for command in ("run", "boot"):
                self.assertFalse(table_exists())
                self.assertIn("builtin-lock", self.ks(command, expect=5).stderr)
                self.assertTrue(table_exists())
                nft("delete", "table", "inet", "killswitchd")
        self.for_each_mistake(look)

    def test_a_table_that_blocks_nothing_does_not_count_as_rules(self):
        self.write("version: 2\n")
        for table in ("table inet killswitchd { }",
                      "table inet killswitchd { chain output { }; }",
                      "table inet killswitchd { chain output { type filter hook output "
                      "priority 300; policy accept; }; }"):
            nft("-f", "-", stdin=table)
            self.assertTrue(self.first_line(3).startswith("OPEN"))
            self.assertIn("builtin-lock", self.ks("boot", expect=5).stderr)
            self.assertTrue(self.first_line(1).startswith("DEGRADED"))
            nft("flush", "ruleset")

    @needs_real_root()
    def test_a_user_without_the_right_to_read_is_told(self):
        self.write(GOOD, mode=0o600)
        self.assertIn("EACCES", self.ks("check", expect=5, user=NOBODY).stderr)


class Check(Case):
    def test_another_file(self):
        other = self.dir + "/other.yaml"
        self.write(POSITIONED["bad port"], other)
        self.assertIn("other.yaml:7:", self.ks("check", other, expect=5).stderr)
        self.ks("check", expect=0)

    def test_names_every_mistake_at_once(self):
        self.write(GOOD.replace(":51820", ":70000").replace("always", "sometimes"))
        errors = self.ks("check", expect=5).stderr
        self.assertEqual(errors.count(": error: "), 2)
        self.assertIn("2 errors, no warnings", errors)

    def test_a_slip_of_the_fingers_gets_the_right_key(self):
        self.write(POSITIONED["unknown key"])
        self.assertIn("tunnels", self.ks("check", expect=5).stderr)


class Words(Case):
    """Whatever passes `check` stands in rules that nft reads."""
    SIGNS = [chr(code) for code in range(0x20, 0x7f)] + ["\u00e4", "\u20ac", "\u65e5"]

    def accepted(self, line, signs):
        """Those signs that `check` takes within `line`."""
        taken = []
        for first in range(0, len(signs), 32):
            part = signs[first:first + 32]
            self.write_lines(line, part)
            said = self.ks("check").stderr
            bad = {int(number) for number in re.findall(r":(\d+):\d+: error:", said)}
            taken += [sign for row, sign in enumerate(part) if row + len(self.HEAD) + 1 not in bad]
        return taken

    HEAD = ("version: 1", "mode: always", "ownership: off", "tunnels:")

    def write_lines(self, line, signs):
        quoted = [sign.replace("'", "''") for sign in signs]
        rows = [line.format(number=number, sign=sign) for number, sign in enumerate(quoted)]
        self.write("\n".join([*self.HEAD, *rows, ""]))

    def test_of_any_sign(self):
        lines = {"name": "  - {{ interface: w{number}, name: 'a{sign}b', endpoints: [203.0.113.7/esp] }}",
                 "interface": "  - {{ interface: 'w{number}{sign}b', endpoints: [203.0.113.7/esp] }}"}
        for what, line in lines.items():
            with self.subTest(what):
                taken = self.accepted(line, self.SIGNS)
                self.assertNotIn('"', taken)
                self.assertGreater(len(taken), 60)
                for first in range(0, len(taken), 32):
                    self.write_lines(line, taken[first:first + 32])
                    nft("-c", "-f", "-", stdin=self.ks("render", "--state", "protected", expect=0).stdout)


class Boot(Case):
    def test_a_good_config_locks(self):
        self.assertFalse(table_exists())
        self.assertIn("locked", self.ks("boot", expect=0).stdout)
        self.assertEqual(self.report(1)["state"], "locked")

    def test_a_tunnel_that_is_up_already_is_not_opened(self):
        self.tunnel()
        self.ks("boot", expect=0)
        self.assertNotIn('oifname "wg0"', nft("list", "chain", "inet", "killswitchd", "output"))

    def test_what_leads_outside_is_covered_at_once(self):
        for words in ("link add up0 type veth peer name far0", "addr add 192.0.2.2/24 dev up0",
                      "link set far0 up", "link set up0 up", "route add default via 192.0.2.1"):
            self.assertEqual(run("ip", *words.split()).returncode, 0, words)
        self.addCleanup(run, "ip", "link", "del", "up0")
        self.ks("boot", expect=0)
        blocked = self.report(1)["raw_blocked"]
        self.assertTrue({"up0", "*"} & set(blocked), blocked)

    def test_open_loads_nothing(self):
        self.write(GOOD.replace("mode: always", "mode: always\nboot: open"))
        self.assertIn("nothing is blocked", self.ks("boot", expect=0).stdout)
        self.assertFalse(table_exists())

    def test_disarmed_loads_nothing_even_with_a_broken_config(self):
        self.ks("disarm", expect=0)
        self.ks("boot", expect=0)
        self.assertFalse(table_exists())
        self.write("version: 2\n")
        self.ks("boot", expect=5)
        self.assertFalse(table_exists())

    def test_panic_survives_even_with_boot_open(self):
        self.write(GOOD.replace("mode: always", "mode: always\nboot: open"))
        self.ks("lock", expect=0)
        nft("delete", "table", "inet", "killswitchd")
        self.ks("boot", expect=0)
        self.assertEqual(self.report(1)["state"], "panic")

    def test_beside_the_service_it_has_nothing_to_do(self):
        self.start_and_wait()
        before = ruleset()
        self.ks("boot", expect=0)
        self.assertEqual(ruleset(), before)

    def test_the_service_takes_over_without_a_gap(self):
        self.ks("boot", expect=0)
        handles = [c["chain"]["handle"] for c in ruleset() if "chain" in c]
        self.start_and_wait()
        self.assertEqual([c["chain"]["handle"] for c in ruleset() if "chain" in c], handles)


if __name__ == "__main__":
    cli_support.main()
