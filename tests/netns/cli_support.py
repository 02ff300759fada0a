# SPDX-License-Identifier: GPL-2.0-or-later
"""What the black-box tests of the program share.

Each test runs in a network namespace of its own and with its own directories; the process has left
the machine's namespaces before the first test begins.
"""
import ctypes
import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SKIP = 77
CLONE_NEWNET = 0x40000000
DEADLINE_SECONDS = 20
NOBODY = 65534
PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""

GOOD = """version: 1
mode: always
ownership: off
tunnels:
  - name: home
    interface: wg0
    endpoints: [203.0.113.7:51820/udp]
    only:
      fwmark: 0xca6c
"""


def wait_until(condition, what):
    """Asks until it is true; the pause between two questions is a timed wait on nothing."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError("timed out waiting until " + what)
        select.select([], [], [], 0.01)


def run(*words, stdin=None, user=None, env=None):
    as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(words, input=stdin, capture_output=True, text=True, env=env,
                          timeout=DEADLINE_SECONDS * 3, check=False, **as_user)


def timeless(text):
    """Without clock times and ages, for two outputs that are not of the same second."""
    return re.sub(r"\d\d:\d\d(:\d\d)?|\(\d+ [a-z]+\)", "-", text)


def traced():
    """The environment of a program that another traces: the search for leaks of a sanitized build
    does not work then."""
    return {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def late_connects(first):
    """The words that run a program whose connect() calls wait for two seconds, from that one on."""
    if shutil.which("strace") is None:
        raise unittest.SkipTest("needs the program strace")
    if run("strace", "-qq", "-o", "/dev/null", "true").returncode != 0:
        raise unittest.SkipTest("strace may not trace here")
    return ["strace", "-qq", "-o", "/dev/null", "-e", "trace=connect",
            "-e", "inject=connect:delay_enter=2000000:when={}+".format(first)]


def nft(*words, stdin=None):
    done = run("nft", *words, stdin=stdin)
    if done.returncode != 0:
        raise AssertionError("nft {} failed: {}".format(" ".join(words), done.stderr))
    return done.stdout


def egress_chain(device):
    """The chain with the rules for what leaves by a device."""
    everywhere = "chain egress {" in nft("list", "table", "netdev", "killswitchd")
    return "egress" if everywhere else f"egress_{device}"


def without(listing, *dropped):
    """The ruleset of `nft -j` as comparable data, without some keys and the version of nft."""
    def clean(node):
        if isinstance(node, dict):
            return {key: clean(value) for key, value in node.items() if key not in dropped}
        return [clean(item) for item in node] if isinstance(node, list) else node
    return clean([item for item in json.loads(listing)["nftables"] if "metainfo" not in item])


def ruleset():
    """With handles, so that an object that was made anew differs."""
    return without(nft("-j", "list", "ruleset"), "packets", "bytes")


def meaning():
    """What the kernel does to packets, whichever of its tables is the oldest."""
    listed = without(nft("-j", "list", "ruleset"), "packets", "bytes", "handle")
    return sorted(listed, key=lambda item: next(iter(item.values()))["family"])


def table_exists():
    return run("nft", "list", "table", "inet", "killswitchd").returncode == 0


class Tun:
    """A tun device that lives as long as this object is open."""

    def __init__(self, name="wg0"):
        self.name = name.encode()
        try:
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise unittest.SkipTest("no tun devices here: {}".format(error)) from error
        fcntl.ioctl(self.fd, 0x400454CA, struct.pack("16sH22x", self.name, 0x1001))  # TUNSETIFF

    def up(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, 0x8914, struct.pack("16sH22x", self.name, 0x1))  # SIOCSIFFLAGS
        return self

    def close(self):
        os.close(self.fd)


class Case(unittest.TestCase):
    def setUp(self):
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            self.skipTest("no network namespaces here")
        self.dir = tempfile.mkdtemp(prefix="ks_cli_")
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir)
        self.config = self.dir + "/killswitchd.yaml"
        self.paths = ["--config", self.config, "--state-dir", self.dir + "/state",
                      "--runtime-dir", self.dir + "/run"]
        self.socket_path = self.dir + "/run/control.sock"
        self.log_path = self.dir + "/log"
        self.service = None
        self.write(GOOD)

    @staticmethod
    def opens(endpoint):
        address, port = endpoint.split(":")
        rules = nft("list", "table", "inet", "killswitchd")
        return address in rules and port in rules

    def wait_for_endpoint(self, endpoint):
        wait_until(lambda: self.opens(endpoint),
                   "{} may be reached; the service said: {}".format(endpoint, self.log()))

    def wait_for_log(self, text):
        wait_until(lambda: text in self.log(),
                   "the log says '{}'; it says: {}".format(text, self.log()))

    def write(self, text, path=None, mode=0o644):
        path = path or self.config
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)

    def ks(self, *words, expect=None, user=None, env=None):
        done = run(PROGRAM, *self.paths, *words, user=user, env=env)
        if expect is not None:
            self.assertEqual(done.returncode, expect,
                             "{}: {}{}".format(" ".join(words), done.stdout, done.stderr))
        return done

    def report(self, expect=None, user=None):
        return json.loads(self.ks("status", "--json", expect=expect, user=user).stdout)

    def first_line(self, expect):
        return self.ks("status", expect=expect).stdout.splitlines()[0]

    def start(self, env=None):
        with open(self.log_path, "ab") as log:
            self.service = subprocess.Popen([PROGRAM, *self.paths, "run"], stderr=log,
                                            stdout=log, env=env)
        self.addCleanup(self.stop, self.service)
        return self.service

    def start_and_wait(self):
        """Returns once the service answers and its rules are in the kernel, where it has any."""
        service = self.start()
        wait_until(lambda: self.ks("status").returncode != 4 and os.path.exists(self.socket_path)
                   and self.report()["service"] == "running" and self.report()["verified"],
                   "the service is ready; it said: " + self.log())
        return service

    @staticmethod
    def stop(service, how=signal.SIGKILL):
        if service.poll() is None:
            service.send_signal(how)
        return service.wait(DEADLINE_SECONDS)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def tunnel(self, name="wg0"):
        tun = Tun(name)
        self.addCleanup(tun.close)
        return tun.up()

    def wait_for_state(self, state):
        wait_until(lambda: self.report()["state"] == state and self.report()["verified"],
                   "the state is {}; the service said: {}".format(state, self.log()))


def needs_real_root():
    """Other users exist only where more than one id is mapped."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        mapped = int(file.read().split()[2])
    return unittest.skipIf(mapped < NOBODY, "needs other users")


def main():
    """Leaves the machine's namespaces, then runs the tests of the calling file."""
    if "KS_INSIDE" not in os.environ:
        words = ["unshare", "-n"]
        words += [] if os.geteuid() == 0 else ["-r"]
        if subprocess.run(words + ["true"], check=False, capture_output=True).returncode != 0:
            print("not permitted to make namespaces here")
            sys.exit(SKIP)
        os.environ["KS_INSIDE"] = "1"
        os.execvp("unshare", words + [sys.executable] + sys.argv)
    for tool in ("nft", "unshare"):
        if shutil.which(tool) is None:
            print("needs the program {}".format(tool))
            sys.exit(SKIP)
    os.environ.pop("NOTIFY_SOCKET", None)
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:], verbosity=2)
