# SPDX-License-Identifier: GPL-2.0-or-later
"""`killswitchd test`: what it writes, and how a browser shows it."""
import hashlib
import html.parser
import json
import os
import random
import re
import shutil
import struct
import tempfile
import zlib

import cli_support
from cli_support import GOOD, NOBODY, Case, run

WIDE = GOOD + "allow: { outbound: [{ to: 0.0.0.0/0 }] }\n"
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync"]
VOID = ("meta", "br")


class Tags(html.parser.HTMLParser):
    """Whether what is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def pixels(path):
    """The colours of a PNG with eight bits a channel, each once, with how many have it."""
    with open(path, "rb") as file:
        data = file.read()
    at, body = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
        if kind == b"IDAT":
            body += data[at + 8:at + 8 + length]
        at += length + 12
    size = {2: 3, 6: 4}[colour]
    raw, row, counts = zlib.decompress(body), bytearray(width * size), {}
    for line in range(height):
        start = line * (width * size + 1)
        filtered, kind = bytearray(raw[start + 1:start + 1 + width * size]), raw[start]
        for i, value in enumerate(filtered):
            left = filtered[i - size] if i >= size else 0
            above, corner = row[i], row[i - size] if i >= size else 0
            if kind == 1:
                value += left
            elif kind == 2:
                value += above
            elif kind == 3:
                value += (left + above) // 2
            elif kind == 4:
                guess = left + above - corner
                value += min((left, above, corner), key=lambda one: abs(guess - one))
            filtered[i] = value & 255
        row = filtered
        for x in range(0, width * size, size):
            colour = bytes(row[x:x + 3])
            counts[colour] = counts.get(colour, 0) + 1
    return counts


class Proof(Case):
    def browser(self, *words):
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            self.skipTest("needs the program chromium")
        with tempfile.TemporaryDirectory() as profile:
            return run(program, *CHROMIUM, "--user-data-dir=" + profile, *words)

    def screenshot(self, page, width, *words):
        picture = self.dir + "/page.png"
        self.browser("--hide-scrollbars", "--window-size={},700".format(width), *words,
                     "--screenshot=" + picture, "file://" + page)
        self.assertTrue(os.path.exists(picture), "no screenshot")
        return pixels(picture)

    def test_a_wide_open_config_does_not_hold(self):
        self.write(WIDE)

        done = self.ks("test", "--drill", "ipv6", expect=1)

        self.assertIn("THE LOCK IS OPEN, AS YOU ALLOWED", done.stdout)
        self.assertNotIn("THE LOCK HOLDS", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)

    def test_the_json_tells_each_drill(self):
        found = json.loads(self.ks("test", "--drill", "ipv6", "--json", expect=0).stdout)

        self.assertEqual(found["schema"], 1)
        self.assertEqual(found["conclusion"], "holds")
        self.assertGreater(found["drills"][0]["without"]["left_in_clear"], 10)
        self.assertEqual(found["drills"][0]["with"]["left_in_clear"], 0)
        self.assertTrue(found["rules_read_back"])

    def test_the_report_is_one_page_that_a_browser_shows(self):
        page = self.dir + "/proof.html"
        self.ks("test", "--drill", "guest", "--report", page, expect=0)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        tags = Tags()
        tags.feed(text)
        self.assertEqual(tags.open, [])
        self.assertEqual(tags.seen & {"script", "link", "img", "iframe", "object"}, set())
        self.assertIsNone(re.search("(src|href)=|https?:|url\\(", text))
        self.assertIn("table inet killswitchd", text)

        light = self.screenshot(page, 1000)
        dark = self.screenshot(page, 380, "--blink-settings=preferredColorScheme=0")
        for shown, paper, clear, tunnel in ((light, "ffffff", "c3002f", "0a7d33"),
                                            (dark, "16181c", "ff5d73", "4fd07f")):
            self.assertGreater(shown[bytes.fromhex(paper)], sum(shown.values()) // 2)
            self.assertGreater(shown[bytes.fromhex(clear)], 500)
            self.assertGreater(shown[bytes.fromhex(tunnel)], 200)
        printed = self.dir + "/page.pdf"
        self.browser("--no-pdf-header-footer", "--print-to-pdf=" + printed, "file://" + page)
        with open(printed, "rb") as file:
            self.assertEqual(len(re.findall(rb"/Type */Page\b", file.read())), 1)

    def evidence(self):
        kept = self.dir + "/evidence"
        self.ks("test", "--drill", "ipv6", "--evidence", kept, expect=0)
        return kept

    def replace(self, directory, name, content):
        """With the manifest to match, as somebody would who wants to deceive."""
        with open(directory + "/" + name, "wb") as file:
            file.write(content)
        with open(directory + "/manifest.json", encoding="utf-8") as file:
            manifest = json.load(file)
        for item in manifest["files"]:
            if item["name"] == name:
                item["sha256"] = hashlib.sha256(content).hexdigest()
        with open(directory + "/manifest.json", "w", encoding="utf-8") as file:
            json.dump(manifest, file)

    def content(self, directory, name):
        with open(directory + "/" + name, "rb") as file:
            return file.read()

    def test_evidence_is_judged_again_without_root(self):
        kept = self.evidence()
        again = self.ks("verify", kept, user=NOBODY, expect=0)
        self.assertIn("THE LOCK HOLDS", again.stdout)
        self.assertIn("6 files are as the manifest says", again.stdout)
        self.assertEqual(json.loads(self.ks("verify", kept, "--json").stdout)["conclusion"], "holds")
        self.assertEqual(self.content(kept, "ipv6-with.pcapng")[:4], b"\n\r\r\n")
        self.ks("test", "--drill", "ipv6", "--evidence", kept, expect=3)

        self.replace(kept, "ipv6-with.pcapng", self.content(kept, "ipv6-without.pcapng"))
        self.assertIn("THE LOCK LEAKS", self.ks("verify", kept, expect=1).stdout)
        with open(kept + "/config.yaml", "ab") as file:
            file.write(b"# more\n")
        self.assertIn("its hash differs", self.ks("verify", kept, expect=1).stderr)
        os.unlink(kept + "/rules.nft")
        os.symlink("/etc/hostname", kept + "/rules.nft")
        self.assertEqual(self.ks("verify", kept, expect=1).stdout, "")

    def test_no_evidence_can_harm_who_judges_it(self):
        kept = self.evidence()
        dice = random.Random(20261130)
        for name in ("record.json", "ipv6-with.pcapng", "config.yaml", "manifest.json"):
            good = self.content(kept, name)
            for _ in range(25):
                bad = bytearray(good)
                for _ in range(dice.randrange(1, 8)):
                    bad[dice.randrange(len(bad))] = dice.choice(b'0919"{}[],:-\xff\x00n')
                if name == "manifest.json":
                    with open(kept + "/" + name, "wb") as file:
                        file.write(bad)
                else:
                    self.replace(kept, name, bytes(bad[:dice.choice([len(bad), len(bad) // 2])]))
                self.assertIn(self.ks("verify", kept).returncode, (0, 1))
            with open(kept + "/" + name, "wb") as file:
                file.write(good)
            if name != "manifest.json":
                self.replace(kept, name, good)
        deep = self.content(kept, "record.json").replace(b'"notes"', b'"notes":' + b"[" * 100000, 1)
        self.replace(kept, "record.json", deep)
        self.ks("verify", kept, expect=1)

    def test_a_file_that_cannot_be_written_is_found_before_the_drills(self):
        done = self.ks("test", "--report", self.dir + "/nowhere/proof.html", expect=1)
        self.assertEqual(done.stdout, "")
        self.assertIn("nowhere/proof.html", done.stderr)

    def test_exceptions_need_exceptions_and_everything_needs_root(self):
        self.assertIn("no exceptions", self.ks("test", "--drill", "exceptions", expect=1).stderr)
        self.ks("test", "--drill", "nonsense", expect=2)
        self.ks("test", user=NOBODY, expect=4)


if __name__ == "__main__":
    cli_support.main()
