# SPDX-License-Identifier: GPL-2.0-or-later
"""Which layer may include what. Linking enforces it for code, this for types and macros."""
import re

from rules import CXX, Check

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
THIRD_PARTY = ("fmt", "yaml-cpp", "libmnl", "libnftnl", "netlink", "nlohmann", "CLI", "catch2", "ares.h")
# Layer: (layers below it, third-party libraries).
ALLOWED = {
    "base": ((), {"fmt"}),
    "core": (("base",), {"fmt"}),
    "config": (("base", "core"), {"fmt", "yaml-cpp"}),
    "import": (("base", "core"), {"fmt"}),
    "kernel": (("base", "core"), {"fmt", "libmnl", "libnftnl", "netlink"}),
    "runtime": (("base",), {"fmt"}),
    "lab": (("base", "core"), {"fmt", "libmnl"}),
    "resolver": (("base",), {"fmt", "ares.h"}),
    "host": (("base", "core", "config", "import", "kernel", "resolver", "runtime"), {"fmt"}),
    "wire": (("base", "core", "config", "import", "kernel", "resolver", "runtime", "host"), {"fmt", "nlohmann"}),
    "daemon": (
        ("base", "core", "config", "import", "kernel", "resolver", "runtime", "host", "wire"),
        {"fmt", "nlohmann"},
    ),
    "drills": (("base", "core", "config", "lab"), {"fmt"}),
    "proof": (("base", "core", "config", "lab", "drills"), {"fmt", "nlohmann"}),
    "cli": (
        (
            "base", "core", "config", "import", "kernel", "resolver", "runtime", "host", "wire", "lab", "daemon",
            "drills", "proof",
        ),
        {"fmt", "CLI", "nlohmann"},
    ),
}
# Rooms that only the command line uses: their headers stay beside their code.
PARTS_OF_PROGRAM = ("host", "wire", "daemon", "drills", "proof")
# Heavy headers, kept to the few files that need them.
MOST_FILES = {"CLI": 4, "nlohmann": 15}
# Public headers that hold types alone, without a source file of the same name.
HEADER_LAYER = {"links": "core", "paths": "host"}


def layer_of_source(path):
    """"src/LAYER/..." is LAYER; files directly in src/ (main, daemon) belong to the top."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else "cli"


def layer_of_header(stem, tree):
    """The layer whose source of the same name includes the header first."""
    if stem in HEADER_LAYER:
        return HEADER_LAYER[stem]
    for path, text in tree.items():
        if path.startswith("src/") and path.endswith(f"/{stem.rsplit('/', 1)[-1]}.cpp"):
            first = INCLUDE.search(text)
            if first and first[2] == f"killswitchd/{stem}.hpp":
                return layer_of_source(path)
    return None


def wrong_include(layer, own_directory, kind, name, tree):
    """Why a file of `layer` may not include `name`, or None. No directory: a public header."""
    lower, libraries = ALLOWED[layer]
    if name.startswith("killswitchd/"):
        target = layer_of_header(name.removeprefix("killswitchd/").removesuffix(".hpp"), tree)
        if target is None:
            return f"'{name}' belongs to no layer; name its layer in tests/check/layers.py"
        return None if target == layer or target in lower else f"{layer} may not use {target}"
    if kind == '"':
        inside = own_directory is not None and f"{own_directory}/{name}" in tree
        room = name.removeprefix("../").split("/")[0]
        if name.startswith("../") and room in PARTS_OF_PROGRAM and room in lower:
            return None
        return None if inside else f"'{name}' is another layer's private header"
    library = name.split("/")[0]
    if library not in THIRD_PARTY:
        return None
    if own_directory is None:
        return f"public headers show no third-party header: <{name}>"
    return None if library in libraries else f"{layer} may not use <{name}>"


def owner(path, tree):
    """(layer, directory of private headers) of a C++ file, or None when no rule applies."""
    if not path.endswith(CXX):
        return None
    if path.startswith("include/killswitchd/"):
        layer = layer_of_header(path.removeprefix("include/killswitchd/").removesuffix(".hpp"), tree)
        return layer, None
    if path.startswith("src/"):
        return layer_of_source(path), path.rsplit("/", 1)[0]
    return None


def layers(tree):
    problems = []
    users = {library: [] for library in MOST_FILES}
    for path, text in tree.items():
        owned = owner(path, tree)
        if owned is None:
            continue
        layer, directory = owned
        if layer not in ALLOWED:
            problems.append(f"{path}: belongs to no layer; name its layer in tests/check/layers.py")
            continue
        for kind, name in INCLUDE.findall(text):
            library = name.split("/")[0]
            heavy = not name.endswith("_fwd.hpp")
            if heavy and library in users and path not in users[library]:
                users[library].append(path)
            if why := wrong_include(layer, directory, kind, name, tree):
                problems.append(f"{path}: {why}")
    for library, files in users.items():
        if len(files) > MOST_FILES[library]:
            problems.append(f"<{library}> is in {len(files)} files, more than {MOST_FILES[library]}: {files}")
    return problems


def _bad(path, include):
    return {path: f"#include {include}\n"}


CHECKS = {
    "layers": Check(
        layers,
        bad=[
            _bad("src/base/a.cpp", '"killswitchd/policy.hpp"'),
            _bad("src/core/a.cpp", '"killswitchd/nftables.hpp"'),
            _bad("src/core/a.cpp", "<yaml-cpp/yaml.h>"),
            _bad("src/runtime/a.cpp", '"killswitchd/state.hpp"'),
            _bad("src/lab/a.cpp", '"killswitchd/nftables.hpp"'),
            _bad("src/lab/a.cpp", "<libnftnl/rule.h>"),
            _bad("src/config/a.cpp", "<nlohmann/json.hpp>"),
            _bad("include/killswitchd/policy.hpp", "<fmt/format.h>"),
            _bad("include/killswitchd/policy.hpp", '"killswitchd/runtime.hpp"'),
            _bad("include/killswitchd/unheard.hpp", "<string>"),
            _bad("src/elsewhere/a.cpp", "<string>"),
            {"src/core/a.cpp": '#include "../kernel/b.hpp"\n', "src/kernel/b.hpp": ""},
            {"src/drills/a.cpp": '#include "../daemon/d.hpp"\n', "src/daemon/d.hpp": ""},
            {f"src/cli/a{i}.cpp": "#include <CLI/CLI.hpp>\n" for i in range(5)},
        ],
        good=[
            {
                "src/core/compile.cpp": '#include "killswitchd/compile.hpp"\n#include "b.hpp"\n#include <fmt/format.h>\n',
                "src/core/b.hpp": "#include <vector>\n",
                "include/killswitchd/compile.hpp": '#include "killswitchd/net.hpp"\n',
                "src/base/net.cpp": '#include "killswitchd/net.hpp"\n',
                "src/config/config.cpp": '#include "killswitchd/config.hpp"\n',
                "src/cli/c.cpp": '#include "../daemon/d.hpp"\n',
                "src/daemon/d.hpp": "",
                "src/main.cpp": '#include "killswitchd/config.hpp"\n#include <CLI/CLI.hpp>\n',
                "include/killswitchd/lab/node.hpp": "#include <string>\n",
                "src/lab/node.cpp": '#include "killswitchd/lab/node.hpp"\n',
                "tests/unit/a.cpp": "#include <yaml-cpp/yaml.h>\n",
            }
        ],
    ),
}
