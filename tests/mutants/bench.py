# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiles one broken file at a time, and runs the test programs with it in place of the whole one."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

UNIT = ("base", "core", "random", "rules", "kernel", "host")
KERNEL = ("ownership", "snapshot", "nftables", "foreign", "orphans", "oracle", "cgroups", "raw", "policy")
CLI = "src/cli/killswitchd"
# A mutant that never ends is noticed.
LIMITS = ("timeout", "900", "prlimit", "--as=4294967296", "--cpu=30")


def copy_tree(source, tree):
    """Whoever changes `source` meanwhile changes nothing here. A file that is the same keeps its time."""
    names = subprocess.run(
        ["git", "-c", f"safe.directory={source}", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=source, capture_output=True, text=True, check=True,
    ).stdout.splitlines()
    for name in names:
        new, old = source / name, tree / name
        if new.is_file() and not (old.exists() and old.read_bytes() == new.read_bytes()):
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(new, old)
    for old in tree.rglob("*"):
        if old.is_file() and str(old.relative_to(tree)) not in names:
            old.unlink()


class Bench:
    """A build of a copy of the tree. What is mutated goes from memory to a file of its own."""

    def __init__(self, source, directory, policy):
        self.source, self.build = directory / "tree", directory / "build"
        copy_tree(source, self.source)
        self.programs = [f"tests/unit/unit_{name}" for name in UNIT]
        wanted = self.programs
        if policy:
            self.programs += [f"tests/netns/netns_{name}" for name in KERNEL]
            wanted = [*self.programs, CLI]
        self.environment = os.environ | {
            "CCACHE_DISABLE": "1",  # Nothing is ever compiled twice.
            "KS_RULES_DIR": str(self.source / "rules"), "KS_EXAMPLES": str(self.source / "examples"),
        }
        if not (self.build / "build.ninja").exists():
            self.must("env", "CXX=clang++", "CXX_LD=lld", "meson", "setup", "--buildtype=plain",
                      "-Dwerror=false", str(self.build), str(self.source))
        self.must("ninja", "-C", str(self.build), *wanted)
        self.links = {name: self.link_command(name) for name in wanted}
        every = json.loads((self.build / "compile_commands.json").read_text(encoding="utf-8"))
        self.entries = {os.path.relpath(self.build / entry["file"], self.source): entry for entry in every}
        self.headers = {}
        for name in self.programs:
            if self.fails(self.build / name, self.build / CLI):
                sys.exit(f"{self.build / name} fails without a mutant")

    def must(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        return done.stdout

    def run(self, *command, **environment):
        return subprocess.run(command, cwd=self.build, env=self.environment | environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode

    def fails(self, program, cli):
        return self.run(*LIMITS, str(program), "--abort", KS_PROGRAM=str(cli)) != 0

    def link_command(self, program):
        commands = self.must("ninja", "-C", str(self.build), "-t", "commands", program)
        return shlex.split(commands.splitlines()[-1])

    def compiler(self, path):
        """The command that compiles `path`, without names of files."""
        words = shlex.split(self.entries[path]["command"])
        keep = [word for word in words if word.startswith(("-I", "-D", "-std", "-f"))]
        return [words[0], *keep, "-w", "-iquote", str((self.source / path).parent)]

    def prepare(self, path):
        """Precompiles what the files of a folder include."""
        folder = (self.source / path).parent
        if folder not in self.headers:
            texts = [file.read_text(encoding="utf-8") for file in folder.glob("*.cpp")]
            lines = sorted({line for text in texts for line in re.findall(r"^#include.*$", text, re.M)})
            header = self.build / f"mutants_{folder.name}.hpp"
            header.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.headers[folder] = header.with_suffix(".pch")
            self.must("env", "-C", str(self.build), *self.compiler(path), "-x", "c++-header",
                      "-fpch-instantiate-templates", str(header), "-o", str(self.headers[folder]))

    def judge(self, path, text):
        with tempfile.TemporaryDirectory(dir=self.build) as directory:
            broken = pathlib.Path(directory, pathlib.Path(path).name)
            broken.write_text(text, encoding="utf-8")
            built = broken.with_suffix(".o")
            header = self.headers[(self.source / path).parent]
            if self.run(*self.compiler(path), "-include-pch", str(header), "-c", str(broken), "-o", str(built)):
                return "not compiled"
            return "killed" if self.noticed(path, built) else "survived"

    def noticed(self, path, built):
        archive = os.path.dirname(self.entries[path]["output"]).removesuffix(".p")
        cli = self.build / CLI
        for name in self.programs:
            if archive not in self.links[name]:
                continue
            if name.startswith("tests/netns") and cli.parent != built.parent:
                cli = self.link(CLI, built)
            if self.fails(self.link(name, built), cli):
                return True
        return False

    def link(self, name, built):
        """The program with `built`, which the linker prefers to what an archive has."""
        program = built.with_suffix("." + os.path.basename(name))
        first, *words = [str(program) if word == name else word for word in self.links[name]]
        if self.run(first, str(built), *words):
            sys.exit(f"cannot link {name} with {built.name}")
        return program
