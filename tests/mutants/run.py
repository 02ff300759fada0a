#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Breaks the core and the planner, one place at a time, and counts what the tests notice."""
import argparse
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys

from operators import mutants_of

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
CORE = "src/core/*.cpp"
PLANNER = "src/kernel/nft/plan.cpp"
UNIT = ("core", "rules", "kernel")
POLICY = ("netns_oracle", "netns_nftables", "netns_ownership", "cgroups", "raw", "policy")
LONGEST = 120  # Seconds; a mutant that hangs is noticed.


class Copy:
    """A copy of the tree with a build of its own: the tree itself is never touched."""

    def __init__(self, directory, policy):
        self.tree = directory / "tree"
        self.build = directory / "build"
        self.policy = policy
        self.tree.mkdir(parents=True, exist_ok=True)
        self.update()
        if not (self.build / "build.ninja").exists():
            self.must("meson", "setup", "--buildtype=plain", "-Dwerror=false", str(self.build), str(self.tree))
        if not self.compiles() or not self.passes(UNIT) or (policy and not self.passes(POLICY)):
            sys.exit("the tests do not pass without a mutant; see " + str(self.build / "meson-logs"))

    def update(self):
        """What has not changed keeps its time, so that it is not compiled again."""
        names = subprocess.run(
            ["git", "-c", f"safe.directory={SOURCE}", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=SOURCE, capture_output=True, text=True, check=True,
        ).stdout.splitlines()
        for name in names:
            new, old = SOURCE / name, self.tree / name
            if new.is_file() and not (old.exists() and old.read_bytes() == new.read_bytes()):
                old.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(new, old)

    def must(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)

    def compiles(self):
        programs = [] if self.policy else [f"tests/unit/unit_{name}" for name in UNIT]
        command = ["ninja", "-C", str(self.build), *programs]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def passes(self, names):
        command = ["meson", "test", "-C", str(self.build), "--no-rebuild", "--maxfail", "1", *names]
        try:
            limit = LONGEST if names == UNIT else None
            return subprocess.run(command, capture_output=True, check=False, timeout=limit).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def judge(self, mutant, text):
        file = self.tree / mutant.path
        file.write_text(mutant.apply(text), encoding="utf-8")
        try:
            if not self.compiles():
                return "not compiled"
            noticed = not self.passes(UNIT) or (self.policy and not self.passes(POLICY))
            return "killed" if noticed else "survived"
        finally:
            file.write_text(text, encoding="utf-8")


def explanations():
    """Lines "PATH | TEXT OF THE LINE | OPERATOR or * | why no test can tell", of explained.txt."""
    lines = (HERE / "explained.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(part.strip() for part in line.split(" | ")) for line in lines if line and line[0] != "#"]


def explained(mutant, text, known):
    first = text.rfind("\n", 0, mutant.start) + 1
    line = text[first : text.find("\n", mutant.start)]
    return any(
        path == mutant.path and part in line and operator in ("*", mutant.operator)
        for path, part, operator, _ in known
    )


def arguments():
    parser = argparse.ArgumentParser(prog="./dev mutants", description=__doc__)
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, chosen at random")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), metavar="S")
    parser.add_argument("--policy", action="store_true", help="what unit tests miss is tried in the kernel: slow")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--build-dir", default="build-mutants", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=f"default: {CORE}, with --policy also {PLANNER}")
    return parser.parse_args()


def main():
    options = arguments()
    paths = options.files or sorted(str(p.relative_to(SOURCE)) for p in SOURCE.glob(CORE))
    if options.policy and not options.files:
        paths.append(PLANNER)
    texts = {path: (SOURCE / path).read_text(encoding="utf-8") for path in paths}
    known = explanations()
    every = [mutant for path in paths for mutant in mutants_of(path, texts[path])]
    chosen = every
    if options.sample and options.sample < len(every):
        chosen = random.Random(options.seed).sample(every, options.sample)
        chosen.sort(key=lambda m: (m.path, m.start))
    if options.list:
        print("\n".join(m.describe(texts[m.path]) for m in chosen))
        return 0
    os.nice(10)
    print(f"{len(chosen)} of {len(every)} mutants, --seed {options.seed}", flush=True)
    copy = Copy(pathlib.Path(options.build_dir).resolve(), options.policy)
    count = collections.Counter()
    for mutant in chosen:
        text = texts[mutant.path]
        end = copy.judge(mutant, text)
        if end == "survived" and explained(mutant, text, known):
            end = "explained"
        count[end] += 1
        if end == "survived":
            print(f"survived  {mutant.describe(text)}", flush=True)
    for end in ("killed", "explained", "survived", "not compiled"):
        print(f"{end:<14}{count[end]:>6}")
    judged = count["killed"] + count["survived"]
    score = 100 * count["killed"] / judged if judged else 100
    print(f"{'score':<14}{score:>6.1f} %")
    return 0 if score >= 95 else 1


if __name__ == "__main__":
    sys.exit(main())
