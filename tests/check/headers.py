#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiles each header alone: `headers.py SOURCE_ROOT COMPILE_COMMANDS COMPILER...`.

A public header sees the public ones alone; a private one what the sources nearest to it see.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

FLAGS = ("-std=c++20", "-fsyntax-only", "-Wall", "-Werror", "-x", "c++", "-")


def problem_of(header, search, compiler):
    source = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run([*compiler, *search, *FLAGS], input=source, capture_output=True, text=True, check=False)
    return f"{header}: does not compile alone:\n{done.stderr}" if done.returncode else None


def search_paths(command, directory):
    """The include directories of one compile command, made absolute, as options."""
    words = iter(shlex.split(command))
    found = []
    for word in words:
        for option in ("-I", "-isystem"):
            if word.startswith(option):
                path = word.removeprefix(option) or next(words)
                found += [option, os.path.normpath(os.path.join(directory, path))]
    return found


def nearest_search_paths(header, commands):
    def closeness(entry):
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        return len(os.path.commonpath([header, source]))

    entry = max(commands, key=closeness)
    return search_paths(entry["command"], entry["directory"])


def self_test(compiler):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "good.hpp").write_text("#pragma once\n#include <string>\ninline std::string name() { return {}; }\n")
        (root / "leaning.hpp").write_text("#pragma once\ninline std::string name() { return {}; }\n")
        (root / "unguarded.hpp").write_text("struct Twice {};\n")
        search = ["-I", str(root)]
        assert problem_of("good.hpp", search, compiler) is None
        assert problem_of("leaning.hpp", search, compiler)
        assert problem_of("unguarded.hpp", search, compiler)
    commands = [
        {"directory": "/b", "file": "../s/x/one.cpp", "command": "c++ -Ix -isystem /third -I../s/x one.cpp"},
        {"directory": "/b", "file": "../s/y/two.cpp", "command": "c++ -I../s/y two.cpp"},
    ]
    assert nearest_search_paths("/s/x/one.hpp", commands) == ["-I", "/b/x", "-isystem", "/third", "-I", "/s/x"]
    assert nearest_search_paths("/s/y/other.hpp", commands) == ["-I", "/s/y"]


def main():
    root, commands_file, *compiler = sys.argv[1:]
    self_test(compiler)
    root = pathlib.Path(root).resolve()
    public = [(f"killswitchd/{h.name}", ["-I", str(root / "include")])
              for h in (root / "include" / "killswitchd").glob("*.hpp")]
    commands = json.loads(pathlib.Path(commands_file).read_text(encoding="utf-8"))
    private = [(str(h), nearest_search_paths(str(h), commands))
               for part in ("src", "tests") for h in (root / part).rglob("*.hpp")]
    if not public or not private:
        sys.exit(f"no header in '{root}'")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = pool.map(lambda h: problem_of(*h, compiler), sorted(public + private))
        found = [problem for problem in problems if problem]
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
