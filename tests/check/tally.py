#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Adds up meson test runs: prints `N passed, N failed, N skipped`.

Exits 1 on any failure, when a run left no log, and when nothing passed at all: silence is not success.
"""
import argparse
import json
import pathlib
import sys
import tempfile

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP", "IGNORED"}


def count(logs, passed=0, failed=0):
    skipped = 0
    for log in logs:
        if not log.exists():
            print(f"tally: no test ran: '{log}' is missing", file=sys.stderr)
            failed += 1
            continue
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            test = json.loads(line)
            if test["result"] in PASSED:
                passed += 1
            elif test["result"] in SKIPPED:
                skipped += 1
                print(f"skipped: {test['name']}")
            else:
                failed += 1
                print(f"{test['result'].lower()}: {test['name']}")
    return passed, failed, skipped


def succeeded(passed, failed):
    return failed == 0 and passed > 0


def self_test():
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory, "log.json")
        results = ["OK", "FAIL", "TIMEOUT", "ERROR", "SKIP", "INTERRUPT", "UNEXPECTEDPASS"]
        log.write_text("".join(json.dumps({"name": r, "result": r}) + "\n" for r in results))
        assert count([log], passed=2) == (3, 5, 1)
        assert count([pathlib.Path(directory, "none.json")]) == (0, 1, 0)
        assert count([]) == (0, 0, 0)
    assert succeeded(1, 0)
    assert not succeeded(1, 1)
    assert not succeeded(0, 0)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--self-test", action="store_true")
    options.add_argument("--passed", type=int, default=0, help="steps outside meson that passed")
    options.add_argument("--failed", type=int, default=0, help="steps outside meson that failed")
    options.add_argument("logs", nargs="*", type=pathlib.Path)
    arguments = options.parse_args()
    if arguments.self_test:
        return self_test()
    passed, failed, skipped = count(arguments.logs, arguments.passed, arguments.failed)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if succeeded(passed, failed) else 1


if __name__ == "__main__":
    sys.exit(main())
