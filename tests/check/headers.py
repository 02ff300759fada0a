#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiles each public header alone: `headers.py INCLUDE_DIR COMPILER [FLAG...]`."""
import pathlib
import subprocess
import sys
import tempfile


def problem_of(header, include_dir, compiler):
    command = [*compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Werror", "-I", include_dir, "-x", "c++", "-"]
    source = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return f"{header}: does not compile alone:\n{done.stderr}" if done.returncode else None


def self_test(compiler):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "good.hpp").write_text("#pragma once\n#include <string>\ninline std::string name() { return {}; }\n")
        (root / "leaning.hpp").write_text("#pragma once\ninline std::string name() { return {}; }\n")
        (root / "unguarded.hpp").write_text("struct Twice {};\n")
        assert problem_of("good.hpp", root, compiler) is None
        assert problem_of("leaning.hpp", root, compiler)
        assert problem_of("unguarded.hpp", root, compiler)


def main():
    include_dir, *compiler = sys.argv[1:]
    self_test(compiler)
    headers = sorted(pathlib.Path(include_dir, "killswitchd").glob("*.hpp"))
    if not headers:
        sys.exit(f"no header in '{include_dir}/killswitchd'")
    problems = [p for h in headers if (p := problem_of(f"killswitchd/{h.name}", include_dir, compiler))]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
