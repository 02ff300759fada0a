#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/troubleshooting.md: each symptom has a test that plays it and says what the heading quotes."""
import ast
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
page = (root / "docs/troubleshooting.md").read_text(encoding="utf-8")


def words_of(file, test):
    """What the test itself says: its literals, those of several lines joined; None: no such test."""
    path = root / "tests/netns" / file
    if not path.exists():
        return None
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == test:
            return [part.value for part in ast.walk(node)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return None


mistakes = []
symptoms = re.split(r"^##+ ", page, flags=re.MULTILINE)[1:]
plays = 0
for symptom in symptoms:
    heading = symptom.splitlines()[0]
    named = re.search(r"^Test: `(\w+\.py)` `(\w+)`$", symptom, re.MULTILINE)
    quoted = re.match(r'"(.*?)"', heading)
    if named is None:
        if quoted:
            mistakes.append(f"{heading}: no test")
        continue
    plays += 1
    words = words_of(*named.groups())
    if words is None:
        mistakes.append(f"{heading}: {named.group(0)} does not exist")
    elif quoted and not any(quoted.group(1) in word for word in words):
        mistakes.append(f"{heading}: {named.group(2)} does not say that")
for mistake in mistakes:
    print(f"docs/troubleshooting.md: {mistake}")
sys.exit(1 if mistakes or not plays else 0)
