# SPDX-License-Identifier: GPL-2.0-or-later
"""`status`, and the commands that change what is wanted."""
import os
import signal
import subprocess

import cli_support
from cli_support import (Case, GOOD, NOBODY, egress_chain, meaning, needs_real_root, nft, run, table_exists,
                         timeless, wait_until)


class Status(Case):
    def test_locked_is_0(self):
        self.start_and_wait()
        text = self.ks("status", expect=0).stdout
        self.assertTrue(text.startswith("LOCKED: no tunnel is up"))
        self.assertTrue(text.endswith("hint: start the VPN\nhint: to open: sudo killswitchd disarm\n"))
        self.assertRegex(text, r"\n  since    \d\d:\d\d \(\d+ s\)\n")

    def test_protected_is_0_and_ends_with_the_tunnel(self):
        self.start_and_wait()
        tun = cli_support.Tun().up()
        self.wait_for_state("protected")
        self.assertEqual(self.first_line(0), "PROTECTED: traffic leaves only through wg0")
        tunnel = self.report(0)["tunnels"][0]
        self.assertEqual((tunnel["up"], tunnel["kind"]), (True, "tun"))
        tun.close()
        self.wait_for_state("locked")
        self.assertTrue(self.first_line(0).startswith("LOCKED"))

    def test_the_first_line_counts_the_holes(self):
        self.write(GOOD + "allow: { outbound: [{ to: 192.0.2.0/24 }, { user: 7 }] }\n")
        self.start_and_wait()
        self.tunnel()
        self.wait_for_state("protected")
        self.assertEqual(self.first_line(0),
                         "PROTECTED, 2 holes: traffic leaves through wg0, and by the holes")
        self.assertEqual((self.report(0)["open_holes"], len(self.report(0)["holes"])), (2, 2))
        self.ks("lock", expect=0)
        self.assertEqual((self.report(0)["open_holes"], self.report(0)["holes"]), (0, []))

    def test_a_tunnel_of_another_kind_is_up_but_not_used(self):
        self.write(GOOD.replace("interface: wg0", "interface: wg0\n    kind: wireguard"))
        self.start_and_wait()
        self.tunnel()
        wait_until(lambda: self.report(0)["tunnels"][0]["refused"], "the service has seen wg0")
        text = self.ks("status", expect=0).stdout
        self.assertIn("home: wg0 is up but not used: it is a tun device, the config wants", text)
        self.assertIn("hint: correct the tunnel in the config", text)
        self.assertFalse(self.report(0)["tunnels"][0]["up"])

    def test_a_config_that_was_changed_on_the_disk_is_said_to_be(self):
        self.start_and_wait()
        self.assertFalse(self.report(0)["config"]["changed"])
        self.write(GOOD + "lan: { allow: true }\n")
        self.assertTrue(self.report(0)["config"]["changed"])
        self.assertIn("CHANGED on disk since: sudo killswitchd reload", self.ks("status").stdout)
        self.write(GOOD + "lan: maybe\n")
        self.assertIn("LOCKED holds by the config in force, but the one on disk is broken",
                      self.ks("status", "--short", expect=1).stdout)
        self.write(GOOD)
        self.assertFalse(self.report(0)["config"]["changed"])

    def test_panic_is_0(self):
        self.start_and_wait()
        self.tunnel()
        self.wait_for_state("protected")
        self.ks("lock", expect=0)
        self.assertTrue(self.first_line(0).startswith("PANIC"))
        self.ks("unlock", expect=0)
        self.assertTrue(self.first_line(0).startswith("PROTECTED"))

    def test_disarmed_is_3(self):
        self.start_and_wait()
        self.ks("disarm", expect=0)
        self.assertEqual(self.first_line(3), "OPEN: disarmed, nothing is blocked")
        self.assertFalse(table_exists())
        self.assertNotIn("IPv6 blocked", self.ks("status").stdout)

    def test_watching_without_the_service_says_so_once(self):
        done = self.ks("status", "--watch", expect=3)
        self.assertEqual(done.stdout.count("OPEN"), 1)
        self.assertIn("not running", done.stderr)

    def test_watching_ends_with_the_service(self):
        service = self.start_and_wait()
        watcher = subprocess.Popen([cli_support.PROGRAM, *self.paths, "status", "--watch"],
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertTrue(watcher.stdout.readline().startswith("LOCKED"))
        self.ks("lock", expect=0)
        self.stop(service, signal.SIGTERM)
        shown, _ = watcher.communicate(timeout=cli_support.DEADLINE_SECONDS)
        self.assertIn("DEGRADED: the service is not running", shown)
        self.assertEqual(watcher.returncode, 1)

    def test_watching_misses_nothing_after_its_first_answer(self):
        late = cli_support.late_connects(2)
        service = self.start_and_wait()
        watcher = subprocess.Popen([*late, cli_support.PROGRAM, *self.paths, "status", "--watch"],
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=cli_support.traced())
        self.assertTrue(watcher.stdout.readline().startswith("LOCKED"))
        self.ks("lock", expect=0)
        self.stop(service, signal.SIGTERM)
        shown, _ = watcher.communicate(timeout=cli_support.DEADLINE_SECONDS)
        self.assertIn("\nPANIC", shown)

    def test_mode_off_is_3(self):
        self.write("version: 1\nmode: off\n")
        self.start_and_wait()
        self.assertEqual(self.first_line(3), "OPEN: mode is off in the config")

    def test_a_dead_service_over_standing_rules_is_1(self):
        service = self.start_and_wait()
        self.stop(service)
        self.assertTrue(table_exists())
        self.assertIn("the service is not running; the rules stand", self.first_line(1))
        report = self.report(1)
        self.assertEqual((report["service"], report["verified"]), ("stopped", True))

    def test_a_deleted_table_is_open_without_the_service(self):
        self.stop(self.start_and_wait())
        nft("delete", "table", "inet", "killswitchd")
        self.assertIn("armed, but the kernel holds no rules", self.first_line(3))

    def test_a_dormant_table_is_open_without_the_service(self):
        self.stop(self.start_and_wait())
        nft("-f", "-", stdin="table inet killswitchd { flags dormant; }")
        self.assertTrue(self.first_line(3).startswith("OPEN"))

    def test_a_table_without_chains_blocks_nothing_and_is_open(self):
        nft("add", "table", "inet", "killswitchd")
        self.assertTrue(self.first_line(3).startswith("OPEN"))

    def test_the_fallback_table_alone_is_degraded_and_named(self):
        chains = "".join("chain {0} {{ type filter hook {0} priority 300; policy drop; }}\n".format(hook)
                         for hook in ("input", "forward", "output"))
        nft("-f", "-", stdin="table inet killswitchd-fallback {{\n{}}}".format(chains))
        self.assertIn("only the fallback table", self.first_line(1))
        report = self.report(1)
        self.assertEqual((report["fallback"], report["state"], report["verified"]),
                         (True, "locked", False))
        self.ks("disarm", expect=0)
        self.assertFalse(self.report(3)["fallback"])

    def test_altered_rules_are_degraded_without_the_service(self):
        self.stop(self.start_and_wait())
        nft("insert", "rule", "inet", "killswitchd", "output", "accept")
        self.assertTrue(self.first_line(1).startswith("DEGRADED"))
        self.assertFalse(self.report(1)["verified"])

    def test_a_broken_config_beside_standing_rules_is_degraded(self):
        self.stop(self.start_and_wait())
        self.write("version: 1\nmode: sometimes\n")
        done = self.ks("status", expect=1)
        self.assertTrue(done.stdout.startswith("DEGRADED: the lock holds, but no service runs"))
        self.assertIn("killswitchd.yaml:2:7: error:", done.stderr)

    def test_a_broken_config_without_rules_is_open(self):
        self.write("version: 1\nmode: sometimes\n")
        done = self.ks("status", expect=3)
        self.assertIn("nothing is blocked", done.stdout.splitlines()[0])

    @needs_real_root()
    def test_who_may_not_read_the_rules_cannot_tell_4(self):
        done = self.ks("status", expect=4, user=NOBODY)
        self.assertEqual((done.stdout, done.stderr),
                         ("UNKNOWN: this needs root: sudo killswitchd status\n", ""))
        self.write(GOOD + "control: { read: root }\n")
        self.start_and_wait()
        self.assertEqual(self.first_line(0)[:6], "LOCKED")
        self.assertIn("needs root", self.ks("status", expect=4, user=NOBODY).stdout)

    def test_without_a_command_it_is_the_same(self):
        self.start_and_wait()
        self.assertEqual(timeless(self.ks(expect=0).stdout),
                         timeless(self.ks("status", expect=0).stdout))
        self.assertEqual(self.ks("--json", expect=2).stdout, "")

    def test_short_is_the_first_line_and_quiet_the_exit_code(self):
        self.start_and_wait()
        first = self.ks("status").stdout.splitlines()[0]
        self.assertEqual(self.ks("status", "--short", expect=0).stdout, first + "\n")
        self.ks("disarm", expect=0)
        for flag in ("-q", "--quiet"):
            done = self.ks("status", flag, expect=3)
            self.assertEqual((done.stdout, done.stderr), ("", ""))
        self.write("version: 1\nmode: sometimes\n")
        self.stop(self.service)
        self.assertEqual(self.ks("status", "-q", expect=3).stderr, "")
        self.ks("status", "-q", "--json", expect=2)

    def test_three_hundred_endpoints_do_not_fill_the_screen(self):
        several = "".join("      - 198.51.100.{}:{}/udp\n".format(i % 250, 1000 + i) for i in range(300))
        self.write("version: 1\nmode: always\nownership: off\ntunnels:\n  - interface: wg0\n"
                   "    endpoints:\n" + several)
        self.start_and_wait()
        text = self.ks("status", expect=0).stdout
        self.assertIn("and 297 more", text)
        self.assertIn("any program may send to its 300 endpoints", text)
        self.assertLess(text.count("\n"), 20)
        self.assertEqual(len(self.report(0)["tunnels"][0]["endpoints"]), 300)

    def test_text_fits_80_columns(self):
        self.start_and_wait()
        for line in self.ks("status").stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_json_has_every_field_of_the_contract(self):
        self.start_and_wait()
        report = self.report(0)
        for field in ("schema", "state", "armed", "mode", "verified", "tunnels", "holes",
                      "counters", "ownership", "boot_lock", "config"):
            self.assertIn(field, report)
        self.assertEqual(set(report["tunnels"][0]),
                         {"name", "interface", "up", "refused", "problem", "kind", "endpoints",
                          "answers", "via"})
        self.assertEqual(set(report["config"]), {"files", "hash", "loaded", "changed"})
        self.assertEqual(report["config"]["files"], [self.config])
        self.assertRegex(report["config"]["loaded"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z$")
        self.assertEqual(report["tunnels"][0]["endpoints"][0]["endpoint"], "203.0.113.7:51820/udp")


class Repair(Case):
    def repaired(self, *words):
        self.start_and_wait()
        before = meaning()
        nft(*words)
        wait_until(lambda: "table-altered" in self.log(), "the service saw the change")
        wait_until(lambda: meaning() == before, "the rules are back")
        self.assertIn("nft", self.log().split("table-altered", 1)[1])
        self.first_line(0)

    def test_an_added_rule_goes(self):
        self.repaired("insert", "rule", "inet", "killswitchd", "output", "accept")

    def test_a_deleted_table_comes_back(self):
        self.repaired("delete", "table", "inet", "killswitchd")

    def test_a_flushed_ruleset_comes_back(self):
        self.repaired("flush", "ruleset")

    def test_a_dormant_table_wakes(self):
        self.start_and_wait()
        nft("-f", "-", stdin="table inet killswitchd { flags dormant; }")
        wait_until(lambda: "table-altered" in self.log(), "the service saw the change")
        wait_until(lambda: "dormant" not in nft("list", "ruleset"), "the table is awake")
        self.wait_for_state("locked")


class Intents(Case):
    def test_with_the_service_each_command_does_what_it_says(self):
        self.start_and_wait()
        for command, state, code in (("disarm", "disarmed", 3), ("arm", "locked", 0),
                                     ("lock", "panic", 0), ("unlock", "locked", 0)):
            self.ks(command, expect=0)
            self.assertEqual(self.report(code)["state"], state)
            self.assertEqual(table_exists(), state != "disarmed")

    def test_without_the_service_each_command_does_what_it_says(self):
        self.assertFalse(table_exists())
        for command, state, code in (("arm", "locked", 1), ("disarm", "disarmed", 3),
                                     ("lock", "panic", 1), ("unlock", "disarmed", 3),
                                     ("arm", "locked", 1)):
            self.ks(command, expect=0)
            self.assertEqual(self.report(code)["state"], state)
            self.assertEqual(table_exists(), state != "disarmed")

    def test_without_the_service_networks_count_and_tunnels_do_not(self):
        run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        run("ip", "address", "add", "192.168.7.2/24", "dev", "eth0")
        self.write(GOOD + "lan: { allow: true }\n")
        for command in "arm", "lock", "unlock", "arm":
            self.ks(command, expect=0)
            self.assertIn("no difference", self.ks("diff", expect=0).stdout)
            self.assertIn(egress_chain("eth0"), nft("list", "table", "netdev", "killswitchd"))
        self.assertIn("192.168.7.0/24", nft("list", "table", "inet", "killswitchd"))
        self.ks("disarm", expect=0)
        self.tunnel()
        self.ks("arm", expect=0)
        self.assertNotIn("wg0", nft("list", "chain", "inet", "killswitchd", "output"))

    def test_disarm_outlives_the_service(self):
        service = self.start_and_wait()
        self.ks("disarm", expect=0)
        self.stop(service, signal.SIGTERM)
        self.start_and_wait()
        self.assertEqual(self.first_line(3), "OPEN: disarmed, nothing is blocked")
        self.assertFalse(table_exists())

    def test_a_damaged_disarm_marker_means_armed(self):
        self.ks("disarm", expect=0)
        marker = self.dir + "/state/intents"
        self.assertTrue(os.path.exists(marker))
        self.start_and_wait()
        self.assertFalse(table_exists())  # The door was open with the sound marker.
        self.stop(self.service, signal.SIGTERM)
        self.write(b"\0\xff", marker, 0o600)
        self.start_and_wait()
        self.assertIn("state-unreadable", self.log())
        self.assertTrue(self.first_line(0).startswith("LOCKED"))

    def test_a_marker_that_others_may_write_means_armed(self):
        self.ks("disarm", expect=0)
        os.chmod(self.dir + "/state/intents", 0o666)
        self.start_and_wait()
        self.assertTrue(self.first_line(0).startswith("LOCKED"))

    def test_arm_in_mode_off_is_refused(self):
        self.write("version: 1\nmode: off\n")
        self.assertIn("mode: always", self.ks("arm", expect=3).stderr)
        self.start_and_wait()
        self.assertIn("mode: always", self.ks("arm", expect=3).stderr)

    def test_disarm_works_with_a_broken_config(self):
        self.ks("arm", expect=0)
        self.write("version: 1\nmode: sometimes\n")
        self.assertTrue(table_exists())
        self.ks("disarm", expect=0)
        self.assertFalse(table_exists())

    @needs_real_root()
    def test_only_root_may_change_anything(self):
        for _ in ("without the service", "with it"):
            for command in ("arm", "disarm", "lock", "unlock"):
                self.assertIn("root", self.ks(command, expect=4, user=NOBODY).stderr)
            self.start_and_wait()
        self.ks("reload", expect=4, user=NOBODY)
        self.assertTrue(self.first_line(0).startswith("LOCKED"))

    @needs_real_root()
    def test_a_member_of_the_admin_group_may(self):
        self.write(GOOD + "control: {{ admin_group: {} }}\n".format(NOBODY))
        self.start_and_wait()
        self.ks("disarm", expect=0, user=NOBODY)
        self.assertFalse(table_exists())


if __name__ == "__main__":
    cli_support.main()
