# SPDX-License-Identifier: GPL-2.0-or-later
"""Names the programs that tests need: `meson introspect --tests DIR | test_programs.py DIR WITHOUT_SUITE...`."""
import json
import os
import sys


def programs(tests, directory, without):
    root = os.path.realpath(directory)
    for test in tests:
        program = os.path.realpath(test["cmd"][0])
        suites = {suite.partition(":")[2] for suite in test["suite"]}
        if program.startswith(root + os.sep) and not suites & set(without):
            yield os.path.relpath(program, root)


def main():
    directory, *without = sys.argv[1:]
    print("\n".join(sorted(set(programs(json.load(sys.stdin), directory, without)))))


if __name__ == "__main__":
    main()
