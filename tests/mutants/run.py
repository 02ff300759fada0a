#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Breaks the core and the planner, one place at a time, and counts what the tests notice."""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import sys

from bench import Bench
from operators import mutants_of

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
CORE = ("src/base/net.cpp", "src/core/*.cpp")
PLANNER = "src/kernel/nft/plan.cpp"
GOAL = 95  # Per cent.


def explanations():
    """Lines "PATH | TEXT | OPERATOR or * | why no test can tell", of explained.txt."""
    lines = (HERE / "explained.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(part.strip() for part in line.split(" | ")) for line in lines if line and line[0] != "#"]


def explained(mutant, text, known):
    """A text may begin on the line before the mutant's."""
    before = text.rfind("\n", 0, max(text.rfind("\n", 0, mutant.start), 0)) + 1
    lines = " ".join(text[before : text.find("\n", mutant.start)].split())
    return any(
        path == mutant.path and part in lines and operator in ("*", mutant.operator)
        for path, part, operator, _ in known
    )


def arguments():
    parser = argparse.ArgumentParser(prog="./dev mutants", description=__doc__)
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, chosen at random")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), metavar="S")
    parser.add_argument("--policy", action="store_true", help="what unit tests miss is tried in the kernel: slow")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--build-dir", default="build-mutants", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=f"default: {' '.join(CORE)}, with --policy also {PLANNER}")
    return parser.parse_args()


def main():
    options = arguments()
    wanted = [*CORE, PLANNER] if options.policy else CORE
    paths = options.files or sorted(str(p.relative_to(SOURCE)) for name in wanted for p in SOURCE.glob(name))
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
    bench = Bench(SOURCE, pathlib.Path(options.build_dir).resolve(), options.policy)
    for path in paths:
        bench.prepare(path)
        if bench.judge(path, texts[path]) != "survived":
            sys.exit(f"{path} does not compile without a mutant")
    count = collections.Counter()
    # In the kernel one after the other: those tests have the machine's cgroups and time in common.
    with concurrent.futures.ThreadPoolExecutor(1 if options.policy else os.cpu_count()) as pool:
        ends = pool.map(lambda m: bench.judge(m.path, m.apply(texts[m.path])), chosen)
        path = None
        for mutant, end in zip(chosen, ends):
            if mutant.path != path:
                path = mutant.path
                print(path, flush=True)
            if end == "survived" and explained(mutant, texts[mutant.path], known):
                end = "explained"
            count[end] += 1
            if end == "survived":
                print(f"survived  {mutant.describe(texts[mutant.path])}", flush=True)
    for end in ("killed", "explained", "survived", "not compiled"):
        print(f"{end:<14}{count[end]:>6}")
    judged = count["killed"] + count["survived"]
    score = 100 * count["killed"] / judged if judged else 100
    print(f"{'score':<14}{score:>6.1f} %")
    return 0 if score >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
