# SPDX-License-Identifier: GPL-2.0-or-later
"""A real systemd as process 1 of namespaces of its own, with an installed killswitchd and no other unit.

It sees its own network, /run, /etc/systemd, /etc/killswitchd, /var/lib/killswitchd and cgroup; the rest of the file
system is the machine's.
"""
import contextlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIP = 77
SYSTEMD = "/lib/systemd/systemd"
SYSTEM_UNITS = pathlib.Path("/lib/systemd/system")
TARGETS = ("sysinit", "basic", "paths", "sockets", "timers", "shutdown", "network-pre", "multi-user")
SECONDS = 60
JOURNAL = ("systemd-journald.service", "systemd-journald.socket")

SETUP = """
set -eu
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for tree in /run /etc/systemd /etc/killswitchd /var/lib/killswitchd; do
    mkdir -p $tree
    mount -t tmpfs -o mode=0755 tmpfs $tree
done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
[ ! -e /etc/machine-id ] || mount --bind "$KS_TREE/machine-id" /etc/machine-id
mkdir -p /run/bin /run/systemd /etc/systemd/system
printf "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n" >/etc/systemd/journald.conf
mount --bind "$KS_TREE/bin" /run/bin
cp -R "$KS_TREE/units/." /etc/systemd/system
install -m 0600 "$KS_TREE/config" /etc/killswitchd/killswitchd.yaml
ip link set lo up
export container=test SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=notice
exec "$KS_SYSTEMD" --system --unit=test.target --show-status=no
"""


def skip(why):
    print(f"own systemd: {why}")
    sys.exit(SKIP)


def cgroup_root():
    for line in pathlib.Path("/proc/mounts").read_text(encoding="ascii").splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2":
            return pathlib.Path(where)
    return skip("cgroup v2 is not mounted")


def wait_for(condition, what):
    """The first true answer of `condition`, which must come before the deadline."""
    deadline = time.monotonic() + SECONDS
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        select.select([], [], [], 0.01)
    return answer


class OwnSystemd:
    """Commands are run inside, as root."""

    def __init__(self, process):
        self.process = process
        self.pid = None

    def run(self, *command, check=True, text=None):
        inside = ["env", f"PATH=/run/bin:{os.environ['PATH']}", "nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-C", "-u", "-i", "--", *command]
        done = subprocess.run(inside, input=text, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def write(self, path, text, mode="0644"):
        self.run("sh", "-ec", 'mkdir -p "${0%/*}"; umask 0022; cat >"$0"; chmod "$1" "$0"', path, mode, text=text)

    def state_of(self, unit):
        return self.run("systemctl", "is-active", unit, check=False).stdout.strip()

    def wait_for_state(self, unit, wanted):
        wait_for(lambda: self.state_of(unit) == wanted, f"{unit} is {self.state_of(unit)}, not {wanted}")

    def find(self):
        """The process that became systemd, as soon as it answers."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        self.pid = int(children.stdout) if children.stdout.strip() else None
        ended = self.process.poll() is not None
        if ended or (self.pid and self.run("systemctl", "is-active", "test.target", check=False).returncode == 0):
            return "ended" if ended else "runs"
        return None


def starts(machine):
    """A systemd that lacks something ends, or stands still."""
    try:
        return wait_for(machine.find, "systemd starts") == "runs"
    except AssertionError:
        return False


def install(build, program, tree):
    """Units and program as an installation has them, below /run."""
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", tree / "all"], check=True,
                   stdout=subprocess.DEVNULL)
    ours = next((tree / "all").rglob("killswitchd-boot.service")).parent
    shutil.copytree(ours, tree / "units")
    (tree / "bin").mkdir()
    shutil.copy(program, tree / "bin" / "killswitchd")
    for unit in (tree / "units").glob("killswitchd*"):
        if unit.is_file():
            unit.write_text(unit.read_text().replace("/usr/local/bin", "/run/bin").replace("/usr/bin", "/run/bin"))
    for name in TARGETS:
        shutil.copy(SYSTEM_UNITS / f"{name}.target", tree / "units")


@contextlib.contextmanager
def own_systemd(build, program, config, wants, journal=False):
    """Runs until the end of the block; `wants` is what starts with it. Without `journal` all goes to a console."""
    if os.geteuid() != 0 or not os.access(SYSTEMD, os.X_OK) or not shutil.which("nsenter"):
        skip("needs root and systemd")
    cgroup = cgroup_root() / f"killswitchd-test-{os.getpid()}"
    with tempfile.TemporaryDirectory() as name, open(f"{name}/console", "w+b") as console:
        tree = pathlib.Path(name)
        tree.chmod(0o755)
        install(build, program, tree)
        (tree / "units" / "test.target").write_text(f"[Unit]\nWants={' '.join(wants)}\n")
        (tree / "config").write_text(config)
        (tree / "machine-id").write_text(f"{os.getpid():032x}\n")
        for unit in JOURNAL if journal else ():
            shutil.copy(SYSTEM_UNITS / unit, tree / "units")
        try:
            cgroup.mkdir()
        except OSError as error:
            skip(error)
        process = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec unshare -m -p -f -n -C -u -i --kill-child sh -c "$1"',
             cgroup, SETUP], stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env={**os.environ, "KS_TREE": name, "KS_SYSTEMD": SYSTEMD})
        machine = OwnSystemd(process)
        try:
            if not starts(machine):
                skip("systemd does not run here")
            yield machine
        except BaseException:
            print((tree / "console").read_text(errors="replace")[-4000:])
            raise
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            remove(cgroup)


def remove(cgroup):
    """Once everything in it has ended."""
    def gone():
        for path in sorted([cgroup, *(p for p in cgroup.rglob("*") if p.is_dir())], reverse=True):
            with contextlib.suppress(OSError):
                path.rmdir()
        return not cgroup.exists()
    wait_for(gone, f"{cgroup} is removed")
