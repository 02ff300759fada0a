# SPDX-License-Identifier: GPL-2.0-or-later
"""What other programs read: the line in /run, and `metrics`."""
import os
import re
import signal

import cli_support
from cli_support import Case, GOOD, NOBODY, needs_real_root, run, wait_until

SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z]+)="((?:[^"\\]|\\.)*)"\})? (\d+)')


class StateLine(Case):
    def line(self):
        with open(self.dir + "/run/state", encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("\n") and text.count("\n") == 1, text)
        return text[:-1]

    def agrees(self):
        """The line is that of status, and names the process that keeps it."""
        short = self.ks("status", "--short").stdout[:-1]
        return self.line() == "{} [{}]".format(short, self.service.pid)

    def test_it_follows_what_is_decided_and_what_happens(self):
        self.start_and_wait()
        for command in ("lock", "unlock", "disarm", "arm"):
            self.ks(command, expect=0)
            self.assertTrue(self.agrees(), self.line())
        tun = cli_support.Tun().up()
        wait_until(lambda: self.line().startswith("PROTECTED"), "the line says that wg0 is up")
        self.assertTrue(self.agrees(), self.line())
        tun.close()
        wait_until(lambda: self.line().startswith("LOCKED"), "the line says that wg0 is gone")
        self.write(GOOD + "lan: { allow: true }\n")
        self.ks("reload", expect=0)
        self.assertTrue(self.line().startswith("LOCKED, 1 hole: "), self.line())
        self.write("version: 2\n")
        self.ks("reload", expect=5)
        self.assertTrue(self.line().startswith("DEGRADED, 1 hole: "), self.line())

    def test_everybody_may_read_it_whatever_the_umask(self):
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        self.start_and_wait()
        self.assertEqual(os.stat(self.dir + "/run/state").st_mode & 0o777, 0o644)

    @needs_real_root()
    def test_nobody_reads_it(self):
        self.start_and_wait()
        done = run("cat", self.dir + "/run/state", user=NOBODY)
        self.assertTrue(done.stdout.startswith("LOCKED"), done.stderr)

    def test_a_service_that_ends_leaves_the_truth(self):
        self.stop(self.start_and_wait(), signal.SIGTERM)
        self.assertTrue(self.line().startswith("DEGRADED: the service is not running"), self.line())
        self.assertFalse(self.line().endswith("]"))

    def test_of_one_that_was_killed_the_process_is_gone(self):
        service = self.start_and_wait()
        keeper = re.search(r" \[(\d+)\]$", self.line())[1]
        self.assertEqual(int(keeper), service.pid)
        self.assertTrue(os.path.exists("/proc/" + keeper))
        self.stop(service)
        self.assertFalse(os.path.exists("/proc/" + keeper))
        self.ks("boot", "--hold", expect=0)  # What systemd runs then.
        self.assertEqual(self.line() + "\n", self.ks("status", "--short", expect=1).stdout)

    def test_commands_without_the_service_write_it(self):
        for command, code in (("arm", 1), ("lock", 1), ("unlock", 1), ("disarm", 3), ("boot", 3)):
            self.ks(command, expect=0)
            self.assertEqual(self.line() + "\n", self.ks("status", "--short", expect=code).stdout)

    def test_a_service_that_cannot_start_writes_what_stands(self):
        self.write("version: 2\n")
        self.assertEqual(self.start().wait(cli_support.DEADLINE_SECONDS), 5)
        self.assertTrue(self.line().startswith("DEGRADED: the lock holds, but"), self.line())


class Metrics(Case):
    def read(self):
        """{(name, label): value}; checks the form as it goes."""
        text = self.ks("metrics", expect=0).stdout
        lines = text.splitlines()
        self.assertEqual(lines[-1], "# EOF")
        types, values, family = {}, {}, None
        for line in lines[:-1]:
            if line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                self.assertNotIn(family, types)  # Families are not interleaved.
                self.assertIn(kind, ("gauge", "counter"))
                types[family] = kind
            elif line.startswith("# HELP "):
                self.assertEqual(line.split(" ")[2], family)
            else:
                name, _, label, value = SAMPLE.fullmatch(line).groups()
                self.assertEqual(name, family + ("_total" if types[family] == "counter" else ""))
                self.assertNotIn((name, label), values)
                values[name, label] = int(value)
        return values

    def state(self, values):
        set_ones = [label for (name, label), value in values.items()
                    if name == "killswitchd_state" and value == 1]
        self.assertEqual(len(set_ones), 1)
        return set_ones[0]

    def test_they_say_what_status_says(self):
        self.write(GOOD.replace("name: home", "name: 'a \\b'") + "lan: { allow: true }\n")
        self.start_and_wait()
        values = self.read()
        report = self.report(0)
        self.assertEqual(self.state(values), "locked")
        self.assertEqual(values["killswitchd_holes", None], 1)
        self.assertEqual(values["killswitchd_tunnel_up", 'a \\\\b'], 0)
        for name, expected in (("verified", 1), ("armed", 1), ("service_running", 1),
                               ("config_changed", 0)):
            self.assertEqual(values["killswitchd_" + name, None], expected, name)
        self.assertLess(values["killswitchd_state_age_seconds", None], 3600)
        self.assertGreater(values["killswitchd_config_loaded_timestamp_seconds", None], 1700000000)
        for reason in report["counters"]:
            self.assertIn(("killswitchd_refused_packets_total", reason), values)
            self.assertIn(("killswitchd_refused_bytes_total", reason), values)

    def test_they_follow(self):
        self.start_and_wait()
        self.tunnel()
        self.wait_for_state("protected")
        values = self.read()
        self.assertEqual((self.state(values), values["killswitchd_tunnel_up", "home"]),
                         ("protected", 1))
        self.ks("lock", expect=0)
        self.assertEqual(self.state(self.read()), "panic")
        self.stop(self.service)
        values = self.read()
        self.assertEqual((self.state(values), values["killswitchd_service_running", None]),
                         ("degraded", 0))
        self.assertNotIn(("killswitchd_state_age_seconds", None), values)

    @needs_real_root()
    def test_who_may_not_look_gets_unknown(self):
        done = self.ks("metrics", expect=0, user=NOBODY)
        self.assertIn('killswitchd_state{state="unknown"} 1\n', done.stdout)
        self.assertNotIn("killswitchd_verified", done.stdout)


if __name__ == "__main__":
    cli_support.main()
