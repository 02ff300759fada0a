#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every subcommand that `killswitchd --help` lists is in README.md and the manual: `commands.py PROGRAM ROOT`.

77 while the program is not built.
"""
import pathlib
import re
import subprocess
import sys

SKIP = 77
DOCUMENTS = ("README.md", "man/killswitchd.8")


def subcommands(help_text):
    """Names in the indented list below a heading "...commands:" up to the next heading."""
    names = []
    inside = False
    for line in help_text.splitlines():
        if line and not line[0].isspace():
            inside = line.rstrip(":").lower().endswith("commands")
        elif inside and (found := re.match(r"\s{1,4}([a-z][a-z-]*)(\s|$)", line)):
            names.append(found[1])
    return names


def missing(names, text):
    text = text.replace("\\-", "-")  # As a manual page writes it.
    return [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def self_test():
    sample = "killswitchd\n\nOptions:\n  -h,--help  Print\n\nSubcommands:\n  run    the service\n  lock   panic\n"
    assert subcommands(sample) == ["run", "lock"]
    assert not subcommands("Options:\n  run\n")
    assert missing(["run", "lock"], "killswitchd run; unlock; lock-up") == ["lock"]
    assert not missing(["lock"], "`lock`")
    assert not missing(["run-confined"], "run\\-confined")


def main():
    program, root = map(pathlib.Path, sys.argv[1:])
    self_test()
    if not program.exists():
        print(f"'{program}' is not built")
        return SKIP
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    names = subcommands(done.stdout)
    if not names:
        print(f"'{program} --help' lists no subcommand")
        return 1
    problems = []
    for document in DOCUMENTS:
        path = root / document
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        problems += [f"{document}: subcommand '{name}' is not mentioned" for name in missing(names, text)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
