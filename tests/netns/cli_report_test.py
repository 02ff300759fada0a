# SPDX-License-Identifier: GPL-2.0-or-later
"""`report`: a text for strangers that tells enough, and nobody's address or name."""
import os
import socket
import stat

import cli_support
from cli_support import Case, run

NAMED = """version: 1
mode: always
ownership: off
tunnels:
  - name: aunt-mary
    interface: mary0
    endpoints: [203.0.113.7:51820/udp]   # call 555-0199
    only: { fwmark: 0xca6c }
allow: { outbound: [{ to: 198.51.100.77 }], inbound: [{ from: 203.0.113.7, ports: [22/tcp] }] }
"""
SECRETS = ("203.0.113.7", "cb007107", "198.51.100.77", "aunt-mary", "mary0", "555-0199", "192.0.2.44",
           "officecard", "secretary")


class Report(Case):
    def setUp(self):
        super().setUp()
        self.write(NAMED)
        for words in ("link add officecard type veth peer name far0",
                      "address add 192.0.2.44/24 dev officecard", "link set officecard up"):
            self.assertEqual(run("ip", *words.split()).returncode, 0, words)
        self.env = {**os.environ, "SUDO_USER": "secretary"}
        self.path = self.dir + "/report.txt"

    def check_masked(self, text):
        for secret in SECRETS:
            self.assertNotIn(secret, text.lower())
        self.assertNotIn(" " + socket.gethostname() + " ", text)

    def test_it_names_nobody_and_says_the_same_of_the_same(self):
        self.start_and_wait()
        self.ks("lock", expect=0)
        self.ks("unlock", expect=0)
        text = self.ks("report", expect=0, env=self.env).stdout
        self.check_masked(text)
        endpoint = next(word for line in text.splitlines() for word in line.split()
                        if word.endswith(":51820/udp"))
        self.assertIn("from {}".format(endpoint.split(":")[0]), text)
        for part in ("== versions", "killswitchd 0.", "LOCKED", "unlock", "tunnel-1", "interface-",
                     "the kernel holds these rules", "table inet killswitchd", "22/tcp"):
            self.assertIn(part, text)
        self.assertNotIn("\\x", text)

    def test_without_a_service_and_with_a_broken_config(self):
        self.write(NAMED.replace("mode: always", "mode: allways"))
        text = self.ks("report", expect=0, env=self.env).stdout
        self.check_masked(text)
        self.assertIn("killswitchd.yaml:2:7", text)

    def test_a_file_is_written_only_by_consent(self):
        done = self.ks("report", "--output", self.path, expect=3)
        self.assertIn("== versions", done.stdout)
        self.assertFalse(os.path.exists(self.path))
        done = self.ks("report", "--output", self.path, "--yes", expect=0)
        with open(self.path, encoding="utf-8") as file:
            written = file.read()
        self.assertIn(written, done.stdout)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)


if __name__ == "__main__":
    cli_support.main()
