# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that one file can break alone: licence line, length, words, sleeps, processes, paths, visitors."""
import dataclasses
import re
import typing

MAX_LINES = 399
CXX = (".cpp", ".hpp")
LICENSED = (*CXX, ".h", ".sh", ".py", ".in", "meson.build", "meson_options.txt", ".ci/run", ".clang-tidy")
TAG = "SPDX-License-Identifier: GPL-2.0-or-later"
# Written in two halves, so that this file keeps its own rules.
WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
PATHS = re.compile(r"(?<![\w.$}*-])/(wo" r"rk|ro" r"ot|ho" r"me)/")
CXX_SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep|sleep)\s*\(")
SH_SLEEP = re.compile(r"(^|[;&|({]|\b(do|then|else)\b)\s*sl" r"eep\s+[\d.$\"]")
PY_SLEEP = re.compile(r"\btime\.sl" r"eep\b")
# Where the program starts itself again, as another user.
ITSELF = "src/host/own_child.cpp"
CATCH_ALL = re.compile(r"\]\s*\((?:const\s+)?auto\s*(?:&{1,2})?\s*\)")
PROCESS = re.compile(
    r"(?<![\w.>])(system|popen|exec[lv]|exec[lv]p|execle|execve|execvpe|execveat|fexecve|posix_spawnp?)\s*\("
)


@dataclasses.dataclass
class Check:
    """`find` maps {path: text} to a list of problems; it must refuse every sample in `bad`."""

    find: typing.Callable
    bad: list
    good: list


def code_only(text):
    """C++ without comments and string contents; line numbers stay."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'', re.S)
    return token.sub(lambda m: ('""' if m[0][0] == '"' else "") + "\n" * m[0].count("\n"), text)


def matching_lines(path, text, pattern, why):
    return [
        f"{path}:{number}: {why}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def is_shell(path, text):
    return path.endswith(".sh") or re.match(r"#!.*\b(ba|da)?sh\b", text) is not None


def licence(tree):
    return [
        f"{path}: the first two lines hold no '{TAG}'"
        for path, text in tree.items()
        if (path.endswith(LICENSED) or text.startswith("#!"))
        and TAG not in "\n".join(text.splitlines()[:2])
    ]


def length(tree):
    return [
        f"{path}: {lines} lines, at most {MAX_LINES} are allowed; split it by subject"
        for path, text in tree.items()
        if path.startswith(("src/", "include/")) and (lines := len(text.splitlines())) > MAX_LINES
    ]


def words(tree):
    return [
        problem
        for path, text in tree.items()
        for problem in matching_lines(path, text, WORDS, "unfinished work does not land")
    ]


def paths(tree):
    return [
        problem
        for path, text in tree.items()
        for problem in matching_lines(path, text, PATHS, "path of one machine")
    ]


def sleeps(tree):
    why = "wait on a condition with a deadline instead"
    problems = []
    for path, text in tree.items():
        if path.endswith(CXX):
            problems += matching_lines(path, code_only(text), CXX_SLEEP, why)
        elif path.endswith(".py"):
            problems += matching_lines(path, text, PY_SLEEP, why)
        elif is_shell(path, text):
            problems += matching_lines(path, text, SH_SLEEP, why)
    return problems


def processes(tree):
    # Those become the command that they were given.
    allowed = ("src/lab/", "src/cli/endpoint.cpp", "src/cli/become.cpp", ITSELF)
    return [
        problem
        for path, text in tree.items()
        if path.startswith("src/") and path.endswith(CXX) and not path.startswith(allowed)
        for problem in matching_lines(path, code_only(text), PROCESS, "the program starts no other program")
    ]


def visitors(tree):
    return [
        problem
        for path, text in tree.items()
        if path.endswith(CXX)
        for problem in matching_lines(
            path, code_only(text), CATCH_ALL, "a new alternative must be decided here to compile"
        )
    ]


CHECKS = {
    "licence": Check(
        licence,
        bad=[{"src/a.cpp": "int a;\n"}, {"tool": "#!/bin/sh\ntrue\n"}, {"meson.build": "project('x')\n"}],
        good=[{"src/a.cpp": f"// {TAG}\n", "tool": f"#!/bin/sh\n# {TAG}\n", "README.md": "x\n"}],
    ),
    "length": Check(
        length,
        bad=[{"src/a.cpp": "\n" * (MAX_LINES + 1)}, {"include/a.hpp": "\n" * (MAX_LINES + 1)}],
        good=[{"src/a.cpp": "\n" * MAX_LINES, "docs/long.md": "\n" * 1000}],
    ),
    "words": Check(
        words,
        bad=[{"a.md": "TO" "DO\n"}, {"src/a.cpp": "// FIX" "ME later\n"}, {"a.sh": "# HA" "CK\n"}],
        good=[{"a.sh": "mktemp -d /tmp/a.XXXXXX\n"}],
    ),
    "paths": Check(
        paths,
        bad=[{"a.md": "see /wo" "rk/x\n"}, {"a.sh": 'cd "/ro' 'ot/x"\n'}, {"a.py": "'/ho" "me/me/x'\n"}],
        good=[{"a.sh": "cd \"$dir/ro" "ot/x\" net/wo" "rk/ ./ho" "me/\n"}],
    ),
    "sleeps": Check(
        sleeps,
        bad=[
            {"src/a.cpp": "std::this_thread::sleep_for(1s);\n"},
            {"tests/a.cpp": "usleep(1);\n"},
            {"tests/a.sh": "true; sl" "eep 1\n"},
            {"tests/run": "#!/bin/sh\nwhile x; do sl" "eep 0.1; done\n"},
            {"tests/a.py": "time.sl" "eep(1)\n"},
        ],
        good=[{"src/a.cpp": '// sleep(1)\nlog("sleep(1)");\n', "a.sh": "echo no sleep here\n"}],
    ),
    "processes": Check(
        processes,
        bad=[
            {"src/kernel/a.cpp": 'std::system("nft");\n'},
            {"src/cli/a.cpp": 'popen("ip", "r");\n'},
            {"src/base/a.cpp": "::execvp(a, b);\n"},
            {"src/base/a.cpp": "posix_spawn(a);\n"},
        ],
        good=[
            {"src/lab/a.cpp": "::execvp(a, b);\n", "src/cli/a.cpp": "// system(x)\nfile_system(x);\n"},
            {ITSELF: "::fexecve(a, b, c);\n"},
            {"src/cli/become.cpp": "::execvp(a, b);\n"},
        ],
    ),
    "visitors": Check(
        visitors,
        bad=[{"src/a.cpp": "[](const auto&) { return 1; }\n"}, {"tests/a.hpp": "[&](auto&&) {}\n"}],
        good=[{"src/a.cpp": "[&](const auto& m) { encode(m); }\n[](const Drop&) { return 1; }\n"}],
    ),
}
