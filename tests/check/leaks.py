#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/leaks.md names only tests and drills that exist."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
page = (root / "docs/leaks.md").read_text(encoding="utf-8")

tests = set()
for file in (root / "tests").rglob("*_test.cpp"):
    # Long names are written as several literals.
    for name in re.findall(r'TEST_CASE\(\s*((?:"[^"]*"\s*)+)', file.read_text(encoding="utf-8")):
        tests.add("".join(re.findall(r'"([^"]*)"', name)))
drills = set(re.findall(r'Drill\{"(\w+)"', (root / "src/drills/drills.cpp").read_text(encoding="utf-8")))

flat = re.sub(r"\s+", " ", page)
unknown = [f'test "{name}"' for name in re.findall(r'"([^"]+)"', flat) if name not in tests]
unknown += [f"drill {name}" for name in re.findall(r"\bdrill (\w+)", flat)
            if name not in drills | {"NAME", "leaks"}]
missing = [f"drill {name}" for name in drills if f"drill {name}" not in flat]
for what in unknown:
    print(f"docs/leaks.md names {what}, which does not exist")
for what in missing:
    print(f"docs/leaks.md does not name {what}")
sys.exit(1 if unknown or missing or not tests or not drills else 0)
