#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs mandoc's and groff's own checks over every manual page: `man.py MAN_DIR`. 77 without tools or pages."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
GOOD = """.Dd January 1, 2026
.Dt SAMPLE 8
.Os
.Sh NAME
.Nm sample
.Nd a sample
.Sh DESCRIPTION
It is good.
"""


def lint_commands(page):
    """The checks that can run here; `man --warnings` reports on stderr and exits 0 all the same."""
    commands = []
    if shutil.which("mandoc"):
        commands.append(["mandoc", "-T", "lint", "-W", "error", str(page)])
    # Minimal images replace man(1) with a stub; only man-db's knows --warnings.
    if shutil.which("man") and shutil.which("groff"):
        commands.append(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)])
    return commands


def problems_of(page):
    problems = []
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    for command in lint_commands(page):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        said = done.stderr.strip() or (done.stdout.strip() if command[0] == "mandoc" else "")
        if done.returncode or said:
            problems.append(f"{' '.join(command)}: exit {done.returncode}: {said}")
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as directory:
        page = pathlib.Path(directory, "sample.8")
        page.write_text(GOOD)
        assert not problems_of(page), problems_of(page)
        for bad in (".Bl -tag\n.It a\n", ".Sh UNCLOSED\n.Bo x\n.TS\nbad\n", ".Ed\n"):
            page.write_text(GOOD + bad)
            assert problems_of(page), f"accepted: {bad}"


def main():
    pages = sorted(pathlib.Path(sys.argv[1]).glob("*.[1-9]"))
    if not lint_commands("any"):
        print("neither mandoc nor man-db with groff is here")
        return SKIP
    self_test()
    if not pages:
        print(f"no manual page in '{sys.argv[1]}' yet")
        return SKIP
    problems = [problem for page in pages for problem in problems_of(page)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
