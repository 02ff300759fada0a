# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts of examples/prometheus: `alerts.py ROOT`. Every metric they ask for is one that `metrics`
prints, and promtool, where there is one, fires each of them."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77


def unknown_metrics(rules, source):
    known = set(re.findall(r'(?:family|gauge|sample)\("(\w+)"', source))
    return sorted(set(re.findall(r"\bkillswitchd_(\w+)", rules)) - known)


def untested_alerts(rules, tests):
    return sorted(set(re.findall(r"alert: (\w+)", rules)) -
                  set(re.findall(r"alertname: (\w+)\s+exp_alerts:\n\s+- ", tests)))


def main():
    assert unknown_metrics("killswitchd_no{a} + killswitchd_yes", 'writer.gauge("yes", "")') == ["no"]
    assert untested_alerts("- alert: A\n- alert: B", "alertname: A\n exp_alerts:\n  - x") == ["B"]
    root = pathlib.Path(sys.argv[1])
    rules = root / "examples/prometheus/killswitchd.rules.yml"
    tests = root / "tests/check/alerts.test.yml"
    text = rules.read_text(encoding="utf-8")
    source = (root / "src/cli/metrics_text.cpp").read_text(encoding="utf-8")
    problems = [f"{rules}: there is no metric '{name}'" for name in unknown_metrics(text, source)]
    problems += [f"{tests}: nothing fires '{name}'"
                 for name in untested_alerts(text, tests.read_text(encoding="utf-8"))]
    if problems:
        sys.exit("\n".join(problems))
    if shutil.which("promtool") is None:
        print("promtool is not here")
        return SKIP
    with tempfile.TemporaryDirectory() as directory:
        for path in (rules, tests):
            shutil.copy(path, directory)
        for words in (["check", "rules", rules.name], ["test", "rules", tests.name]):
            subprocess.run(["promtool", *words], cwd=directory, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
