# SPDX-License-Identifier: GPL-2.0-or-later
"""The configs of examples/: they have no hole that they do not speak of, and `test` holds."""
import pathlib

import cli_support
from cli_support import Case

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


class Examples(Case):
    def holds(self, name):
        text = (EXAMPLES / name / "killswitchd.yaml").read_text(encoding="utf-8")
        self.write(text.replace("group: qvpn", "group: 4242"))  # A group that is nowhere but there.
        self.assertIn("valid, no warnings", self.ks("check", "--offline", expect=0).stdout)
        self.assertIn("THE LOCK HOLDS", self.ks("test", "--drill", "guest", expect=0).stdout)

    def test_a_gateway(self):
        self.holds("gateway")

    def test_a_qubes_vm(self):
        self.holds("qubes")


if __name__ == "__main__":
    cli_support.main()
