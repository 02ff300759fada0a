# SPDX-License-Identifier: GPL-2.0-or-later
"""The first config: what is written, what is not, and that nobody is cut off by it."""
import os
import pty
import subprocess

import cli_support
from cli_support import Case, DEADLINE_SECONDS, GOOD, PROGRAM, run, table_exists

PACKAGED = "# Comments may stand here.\nversion: 1\nmode: off\n"
WIREGUARD = """[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.2.0.2/32

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0
Endpoint = 203.0.113.7:51820
"""
SSH = {**os.environ, "SSH_CONNECTION": "198.51.100.23 50122 192.0.2.50 2222"}


class Init(Case):
    def setUp(self):
        super().setUp()
        os.environ.pop("SSH_CONNECTION", None)
        self.file = self.dir + "/wg0.conf"
        self.write(WIREGUARD, self.file, mode=0o600)
        os.unlink(self.config)

    def config_text(self):
        with open(self.config, encoding="utf-8") as file:
            return file.read()


class Written(Init):
    def test_passes_check_and_leaves_the_machine_open(self):
        done = self.ks("init", "--from", self.file, expect=0)
        self.assertIn("Written: " + self.config, done.stdout)
        self.assertIn("import: \"{}\"".format(self.file), self.config_text())
        self.assertIn("only: { fwmark: 0xca6c }", self.config_text())
        checked = self.ks("check", expect=0)
        said, valid = checked.stdout.rsplit(self.config, 1)
        self.assertTrue(said.startswith("note: unless disarmed, it locks at the next reload"), said)
        self.assertEqual(valid, ": valid, no warnings\n")
        self.start()
        cli_support.wait_until(lambda: os.path.exists(self.socket_path), "the service listens")
        self.assertIn("disarmed", self.first_line(3))
        self.assertFalse(table_exists())
        self.ks("arm", expect=0)
        self.assertTrue(table_exists())

    def test_beside_the_service_it_stays_open_after_a_reload_too(self):
        self.write(PACKAGED)
        self.start()
        cli_support.wait_until(lambda: os.path.exists(self.socket_path), "the service listens")
        self.ks("init", "--from", self.file, expect=0)
        self.ks("reload", expect=0)
        self.assertIn("OPEN", self.first_line(3))

    def test_print_writes_nothing(self):
        done = self.ks("init", "--from", self.file, "--print", expect=0)
        self.assertFalse(os.path.exists(self.config))
        self.assertFalse(os.path.exists(self.dir + "/state"))
        self.write(done.stdout)
        self.ks("check", expect=0)

    def test_options_become_holes(self):
        done = self.ks("init", "--from", self.file, "--lan", "--ssh-from", "198.51.100.0/24",
                       expect=0)
        self.assertIn("hole:    LAN", done.stdout)
        self.assertIn("connections from 198.51.100.0/24 port 22/tcp", done.stdout)

    def test_the_session_that_it_runs_in_is_kept(self):
        done = self.ks("init", "--from", self.file, env=SSH, expect=0)
        self.assertIn("connections from 198.51.100.23 port 2222/tcp", done.stdout)


class Refused(Init):
    def test_a_config_is_never_overwritten(self):
        for text in (GOOD, "version: 1\n", PACKAGED + "ipv6: tunnel\n"):
            self.write(text)
            self.assertIn("is there", self.ks("init", "--from", self.file, expect=3).stderr)
            self.assertEqual(self.config_text(), text)
        self.write(PACKAGED)
        self.ks("init", "--from", self.file, expect=0)

    def test_drop_ins_count_as_a_config(self):
        self.write(PACKAGED)
        os.mkdir(self.dir + "/conf.d", mode=0o755)
        self.write("lan: { allow: true }\n", self.dir + "/conf.d/lan.yaml")
        self.ks("init", "--from", self.file, expect=3)

    def test_without_a_terminal_something_must_be_said(self):
        self.assertIn("--yes", self.ks("init", expect=2).stderr)
        self.assertIn("no address", self.ks("init", "--from", self.file, "--ssh-from", "home",
                                            expect=2).stderr)

    def test_a_file_that_cannot_be_used_is_named(self):
        self.write(WIREGUARD.replace(":51820", ""), self.file)
        self.assertIn(self.file + ":8:12", self.ks("init", "--from", self.file, expect=1).stderr)
        self.assertIn("ENOENT", self.ks("init", "--from", self.dir + "/none", expect=1).stderr)
        self.assertFalse(os.path.exists(self.config))


class Asked(Init):
    def answer(self, answers):
        """The program at a terminal, with an /etc that has this one VPN."""
        outside, inside = pty.openpty()
        script = ("mount -t tmpfs none /etc && mkdir -m 700 /etc/wireguard && "
                  "cp '{}' /etc/wireguard/wg0.conf && exec \"$@\"").format(self.file)
        os.write(outside, answers.encode())
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", PROGRAM, *self.paths,
                               "init"], stdin=inside, capture_output=True, text=True, env=SSH,
                              timeout=DEADLINE_SECONDS, check=False)
        os.close(inside)
        os.close(outside)
        return done

    def test_a_person_chooses(self):
        if run("unshare", "-m", "sh", "-c", "mount -t tmpfs none /etc").returncode != 0:
            self.skipTest("no mount namespaces here")
        done = self.answer("1\ny\nn\n")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("1  wg0", done.stdout)
        self.assertIn("/etc/wireguard/wg0.conf", self.config_text())
        self.assertIn("lan: { allow: true }", self.config_text())
        self.assertNotIn("inbound", self.config_text())


if __name__ == "__main__":
    cli_support.main()
