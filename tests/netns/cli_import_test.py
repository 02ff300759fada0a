# SPDX-License-Identifier: GPL-2.0-or-later
"""Endpoints from the files of VPN programs: at boot, offline, and followed by the service."""
import json
import os

import cli_support
from cli_support import Case, nft, ruleset, wait_until

CONFIG = """version: 1
mode: always
ownership: off
tunnels:
  - name: home
    interface: wg0
    endpoints:
      - import: {}
"""
WIREGUARD = """[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.2.0.2/32

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0
Endpoint = {}
"""
TIME = r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
FIRST = "203.0.113.7:51820"
SECOND = "203.0.113.8:443"


class Imports(Case):
    def setUp(self):
        super().setUp()
        self.folder = self.dir + "/wireguard"
        self.file = self.folder + "/wg0.conf"
        os.mkdir(self.folder, mode=0o700)
        self.write(WIREGUARD.format(FIRST), self.file)
        self.write(CONFIG.format(self.file))

    def replace(self, text):
        """As a careful program does it."""
        self.write(text, self.file + ".new")
        os.rename(self.file + ".new", self.file)


class Followed(Imports):
    def test_a_file_that_is_replaced_is_applied_at_once(self):
        self.start_and_wait()
        self.assertTrue(self.opens(FIRST))
        self.replace(WIREGUARD.format(SECOND))
        self.wait_for_endpoint(SECOND)
        self.assertFalse(self.opens(FIRST))
        self.wait_for_log("import-changed: {}: added {}/udp; removed {}/udp".format(
            self.file, SECOND, FIRST))
        (known,) = self.report(0)["tunnels"][0]["endpoints"]
        self.assertEqual(known["endpoint"], SECOND + "/udp")
        self.assertEqual(known["source"], "import: " + self.file + ":8")
        self.assertRegex(known["learned"], TIME)
        self.assertIn("to {}/udp (import: {}:8)".format(SECOND, self.file),
                      " ".join(self.ks("status", expect=0).stdout.split()))  # Lines are wrapped.

    def test_a_file_that_is_written_in_place_is_applied(self):
        self.start_and_wait()
        self.write(WIREGUARD.format(SECOND), self.file)
        self.wait_for_endpoint(SECOND)
        self.assertFalse(self.opens(FIRST))

    def test_a_file_that_is_moved_in_from_elsewhere_is_applied(self):
        self.start_and_wait()
        self.write(WIREGUARD.format(SECOND), self.dir + "/elsewhere")
        os.rename(self.dir + "/elsewhere", self.file)
        self.wait_for_endpoint(SECOND)

    def test_what_cannot_be_used_keeps_the_servers_that_were_known(self):
        self.start_and_wait()
        before = ruleset()
        for number, text in enumerate(("[Peer]\nEndpoint = 203.0.113.", "", "\0\0"), 1):
            self.replace(text)
            wait_until(lambda n=number: self.log().count("servers known from it stay") == n,
                       "it is noticed; the log says: " + self.log())
            self.assertEqual(ruleset(), before)
        os.unlink(self.file)
        self.wait_for_log("ENOENT")
        self.replace(WIREGUARD.format(SECOND))
        self.wait_for_endpoint(SECOND)

    def test_a_file_that_others_may_write_is_not_believed(self):
        self.start_and_wait()
        before = ruleset()
        self.write(WIREGUARD.format(SECOND), self.file + ".new", mode=0o666)
        os.rename(self.file + ".new", self.file)
        self.wait_for_log("may be written by group or others")
        self.assertEqual(ruleset(), before)
        os.chmod(self.file, 0o600)
        self.wait_for_endpoint(SECOND)

    def test_a_file_that_is_missing_is_seen_when_it_appears(self):
        late = self.dir + "/a/b/late.conf"
        self.write(CONFIG.format(late))
        self.start_and_wait()
        os.makedirs(self.dir + "/a/b", mode=0o700)
        self.write(WIREGUARD.format(FIRST), late)
        self.wait_for_endpoint(FIRST)

    def test_a_directory_that_is_replaced_is_still_followed(self):
        self.start_and_wait()
        os.rename(self.folder, self.folder + ".old")
        self.wait_for_log("servers known from it stay")
        os.mkdir(self.folder, mode=0o700)
        self.write(WIREGUARD.format(SECOND), self.file)
        self.wait_for_endpoint(SECOND)

    def test_the_target_of_a_link_is_followed(self):
        real = self.dir + "/real"
        os.mkdir(real, mode=0o700)
        os.rename(self.file, real + "/wg0.conf")
        os.symlink(real + "/wg0.conf", self.file)
        self.start_and_wait()
        self.write(WIREGUARD.format(SECOND), real + "/new")
        os.rename(real + "/new", real + "/wg0.conf")
        self.wait_for_endpoint(SECOND)

    def test_a_reload_follows_another_file(self):
        self.start_and_wait()
        other = self.dir + "/other.conf"
        self.write(WIREGUARD.format(SECOND), other)
        self.write(CONFIG.format(other))
        self.ks("reload", expect=0)
        self.assertTrue(self.opens(SECOND))
        self.assertFalse(self.opens(FIRST))
        self.write(WIREGUARD.format(FIRST), other)
        self.wait_for_endpoint(FIRST)


class Offline(Imports):
    def test_the_boot_stage_and_the_commands_read_the_file(self):
        self.ks("boot", expect=0)
        self.assertTrue(self.opens(FIRST))
        self.assertIn("203.0.113.7", self.ks("render", "--state", "locked", expect=0).stdout)
        self.ks("diff", expect=0)
        self.replace(WIREGUARD.format(SECOND))
        self.ks("arm", expect=0)
        self.assertTrue(self.opens(SECOND))

    def test_the_boot_stage_locks_without_the_file(self):
        os.unlink(self.file)
        self.assertIn("ENOENT", self.ks("boot", expect=0).stderr)
        self.assertFalse(self.opens(FIRST))
        self.assertTrue(cli_support.table_exists())


class Check(Imports):
    def test_says_what_is_open_and_what_would_narrow_it(self):
        done = self.ks("check", expect=0)
        self.assertIn("hole: tunnel home: any program may send to 203.0.113.7:51820/udp",
                      done.stdout)
        self.assertIn("hint: wg-quick marks the packets of tunnel home with 0xca6c ({}:7)".format(
            self.file), done.stdout)
        only = "    only: {{ fwmark: {} }}\n"
        self.write(CONFIG.format(self.file) + only.format("0xca6c"))
        self.assertNotIn("hint:", self.ks("check", expect=0).stdout)
        self.write(CONFIG.format(self.file) + only.format("7"))
        self.assertIn("asks for another", self.ks("check", expect=0).stdout)

    def test_places_mistakes_in_the_foreign_file(self):
        self.replace(WIREGUARD.format("203.0.113.7:0"))
        self.assertIn(self.file + ":8:24: error: port '0' is not in 1..65535",
                      self.ks("check", expect=5).stderr)

    def test_a_name_is_an_error_only_where_nothing_else_is_left(self):
        self.replace(WIREGUARD.format("vpn.example.com:51820"))
        errors = self.ks("check", expect=5).stderr
        self.assertIn(self.file + ":8:12: warning: 'vpn.example.com' is a name", errors)
        self.assertIn("tunnel 'home' has no other", errors)
        self.write(CONFIG.format(self.file) + "      - 203.0.113.9:51820/udp\n")
        self.assertIn("gives no endpoint", self.ks("check", expect=0).stderr)

    def test_a_name_is_looked_up_where_somebody_is_to_be_asked(self):
        self.replace(WIREGUARD.format("vpn.example.com:51820"))
        self.write(CONFIG.format(self.file) + "dns: { bootstrap: [9.9.9.9], user: 64731 }\n")
        checked = self.ks("check", expect=0)
        self.assertIn("names: vpn.example.com; looked up at 9.9.9.9 alone", checked.stdout)
        self.assertNotIn("is a name", checked.stderr)

    def test_a_directory_that_others_may_write_is_refused(self):
        os.chmod(self.folder, 0o777)
        self.assertIn("may be written by group or others", self.ks("check", expect=5).stderr)


class Endpoints(Imports):
    """The command, with the service and without it."""

    def setUp(self):
        super().setUp()
        self.write(CONFIG.format(self.file) + "      - 203.0.113.9:51820/udp\n"
                   "  - { name: office, interface: tun0 }\n")

    def check(self):
        lines = self.ks("endpoints", expect=0).stdout.splitlines()
        self.assertEqual(lines[0], "home    203.0.113.9:51820/udp  config")
        self.assertRegex(lines[1], r"^home    203\.0\.113\.7:51820/udp  import: {}:8, \d+ s ago$"
                         .format(self.file))
        self.assertEqual(lines[2:], ["office  no endpoint is known"])
        told = json.loads(self.ks("endpoints", "--json", expect=0).stdout)
        self.assertEqual(told["schema"], 1)
        self.assertEqual(told["endpoints"][0], {
            "tunnel": "home", "endpoint": "203.0.113.9:51820/udp", "source": "config",
            "learned": None})
        self.assertRegex(told["endpoints"][1]["learned"], TIME)

    def test_lists_each_with_its_source(self):
        self.check()
        self.start_and_wait()
        self.check()

    def test_a_server_keeps_its_age_while_the_file_names_it(self):
        self.start_and_wait()
        before = json.loads(self.ks("endpoints", "--json", expect=0).stdout)["endpoints"][1]
        self.replace("# a new first line\n" + WIREGUARD.format(FIRST))
        wait_until(lambda: self.file + ":9" in self.ks("endpoints", expect=0).stdout,
                   "the new line is seen")
        after = json.loads(self.ks("endpoints", "--json", expect=0).stdout)["endpoints"][1]
        self.assertEqual(after["learned"], before["learned"])


if __name__ == "__main__":
    cli_support.main()
