#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks rules of the source tree that no compiler knows: `tree.py --root DIR NAME...` or `all`.

Each check first runs on samples: it must accept the good one and refuse every bad one, else it is
itself the defect. Only then is the tree looked at.
"""
import argparse
import pathlib
import sys
import tempfile

import layers
import rules

CHECKS = {**rules.CHECKS, **layers.CHECKS}
IGNORED = {".git", ".cache", "__pycache__"}


def files_below(root):
    """Regular text files of the tree, without build directories wherever they are."""
    found = []
    for entry in sorted(root.iterdir()):
        if entry.is_symlink() or entry.name in IGNORED:
            continue
        if entry.is_dir():
            if not (entry / "meson-private").exists():
                found += files_below(entry)
        elif b"\0" not in entry.read_bytes()[:4096]:
            found.append(entry)
    return found


def problems_of(check, root):
    tree = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in files_below(root)
    }
    return check.find(tree)


def with_sample(check, sample):
    with tempfile.TemporaryDirectory() as directory:
        for name, text in sample.items():
            path = pathlib.Path(directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return problems_of(check, pathlib.Path(directory))


def prove(name, check):
    for sample in check.good:
        if found := with_sample(check, sample):
            sys.exit(f"check '{name}' refuses a good sample: {found}")
    for sample in check.bad:
        if not with_sample(check, sample):
            sys.exit(f"check '{name}' accepts a bad sample: {sample}")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--root", type=pathlib.Path, required=True)
    options.add_argument("names", nargs="+", choices=["all", *CHECKS])
    arguments = options.parse_args()
    names = list(CHECKS) if "all" in arguments.names else arguments.names
    problems = []
    for name in names:
        prove(name, CHECKS[name])
        problems += problems_of(CHECKS[name], arguments.root)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
