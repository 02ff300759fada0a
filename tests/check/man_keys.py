# SPDX-License-Identifier: GPL-2.0-or-later
"""killswitchd(8) names every event key, command, JSON field, option and varlink method of the code,
and killswitchd.yaml(5) every key of the table that the config is read by.

Usage: man_keys.py SOURCE_ROOT PROGRAM CONFIG_KEYS
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

EVENT = re.compile(r'(?:\blog\(\s*[^;"]*?|Announce(?:\s+\w+)?\s*\{\s*|restore\([^;"]*?)"([a-z]+(?:-[a-z]+)*)"')
METHOD = re.compile(r"^method (\w+)\(", re.MULTILINE)
CONFIG = "version: 1\nmode: always\ntunnels:\n" \
         "  - { interface: wg0, endpoints: [203.0.113.7:51820/udp] }\n"


def events(root):
    found = set()
    for part in ("core", "daemon", "cli"):
        for file in (root / "src" / part).glob("*.cpp"):
            found |= set(EVENT.findall(file.read_text(encoding="utf-8")))
    return found


def methods(root):
    text = (root / "src/daemon/interface_text.cpp").read_text(encoding="utf-8")
    return set(METHOD.findall(text[text.index("interface org.killswitchd"):
                                   text.index("interface org.varlink.service")]))


def fields(node):
    """Every key at every depth, but for the names of counters and what holds no objects."""
    if isinstance(node, dict):
        inner = set().union(*(fields(value) for value in node.values())) if node else set()
        return set(node) | inner
    if isinstance(node, list) and node:
        return set().union(*(fields(item) for item in node))
    return set()


def said_by(program, *words):
    return subprocess.run([program, *words], capture_output=True, text=True, check=False).stdout


def status_fields(program):
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "killswitchd.yaml")
        config.write_text(CONFIG, encoding="utf-8")
        config.chmod(0o644)
        return fields(json.loads(said_by(program, "--config", str(config), "--state-dir", folder,
                                         "--runtime-dir", folder, "status", "--json")))


def commands(program):
    listed = re.split("(?i)subcommands:", said_by(program, "--help"))[1].partition("Examples:")[0]
    return set(re.findall(r"^  (\w+)", listed, re.MULTILINE))


def options(program):
    text = "".join(said_by(program, *words, "--help")
                   for words in [[]] + [[command] for command in commands(program)])
    return set(re.findall(r"^  (?:-\w,)? *(--[\w-]+)", text, re.MULTILINE))


def missing(page, wanted):
    """Words of `wanted` that the page does not print in bold or italics."""
    text = page.replace("\\-", "-").replace("\\fI", "\\fB").replace("\\fR", " ")
    lines = [line.replace("\\fB", " ") for line in text.splitlines()
             if line.startswith((".B", ".I", "\\fB"))]
    words = set(re.findall(r"-{0,2}[\w-]+", " ".join(lines).replace('"', " ").replace("\\~", " ")))
    return sorted(wanted - words)


def config_tags(page):
    """Section -> what its tagged paragraphs are about."""
    tags = {}
    for section in page.split("\n.SH ")[1:]:
        title, _, text = section.partition("\n")
        lines = re.findall(r"^\.TP\n(.*)$", text, re.MULTILINE)
        tags[title] = set(re.findall(r"[\w.]+", " ".join(line.partition(" ")[2] for line in lines)))
    return tags


def undescribed(page, keys):
    """Keys without a paragraph in the section that is about them."""
    tags = config_tags(page)
    sections = {"tunnels": "TUNNELS", "allow": "EXCEPTIONS"}
    found = []
    for key in keys:
        section = sections.get(key.partition(".")[0], "KEYS")
        name = key if section == "KEYS" else key.rpartition(".")[2]
        if name not in tags.get(section, ()):
            found.append(key)
    return found


def check_config(root, lister):
    """The number of config keys; -1 when the page lacks one, or the check is blind."""
    page = (root / "man/killswitchd.yaml.5").read_text(encoding="utf-8")
    keys = said_by(lister).split()
    for key in undescribed(page, keys):
        print("man/killswitchd.yaml.5 does not describe the key '{}'".format(key))
    blind = [key for key in keys if key not in undescribed(
        re.sub(r"\b{}\b".format(key.rpartition(".")[2]), "x", page), keys)]
    if blind:
        print("a page without {} would pass: this check is blind".format(blind))
    return len(keys) if keys and not blind and not undescribed(page, keys) else -1


def events_of_catalog(root):
    text = (root / "systemd/killswitchd.catalog").read_text(encoding="utf-8")
    return set(re.findall(r"^# ([a-z-]+)\n-- [0-9a-f]{32}$", text, re.MULTILINE))


def main():
    root, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    page = (root / "man/killswitchd.8").read_text(encoding="utf-8")
    wanted = {"event": events(root), "command": commands(program), "option": options(program),
              "field": status_fields(program), "method": methods(root)}
    failed = not events_of_catalog(root)
    for event in missing(page, events_of_catalog(root)):
        print("systemd/killswitchd.catalog explains the event '{}', which the page does not know".format(event))
        failed = True
    for kind, words in wanted.items():
        if not words:
            print("found no {} in the code: this check is blind".format(kind))
            failed = True
        for word in missing(page, words):
            print("man/killswitchd.8 does not describe the {} '{}'".format(kind, word))
            failed = True
        for word in words:  # The check can fail: a page without the word is found out.
            if word not in missing(re.sub(re.escape(word).replace("\\-", r"\\?-"), "x",
                                          page.replace("\\-", "-")), {word}):
                print("a page without the {} '{}' would pass: this check is blind".format(kind, word))
                failed = True
    config_keys = check_config(root, sys.argv[3])
    print(", ".join("{} {}s".format(len(words), kind) for kind, words in wanted.items()),
          "and {} config keys".format(config_keys))
    return 1 if failed or config_keys < 0 else 0


sys.exit(main())
