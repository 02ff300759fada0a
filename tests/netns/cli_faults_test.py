# SPDX-License-Identifier: GPL-2.0-or-later
"""What other programs, the disk and the kernel do to the service, and what its commands then do."""
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import unittest

import cli_support
from cli_support import Case, GOOD, meaning, nft, table_exists, wait_until

NETLINK_NETFILTER = 12
CLONE_NEWNS = 0x00020000


class ControlSocket(Case):
    def answers(self):
        return self.ks("status", "--json").returncode == 0 and \
            self.report()["service"] == "running"

    def test_a_removed_one_is_opened_again(self):
        self.start_and_wait()
        for remove in (os.remove, lambda path: os.rename(path, path + ".old")):
            remove(self.socket_path)
            wait_until(lambda: os.path.exists(self.socket_path) and self.answers(), "it answers")
        self.assertIn("control-removed", self.log())
        self.ks("disarm", expect=0)
        self.assertFalse(table_exists())

    def test_one_that_went_with_its_directory_is_opened_again(self):
        self.start_and_wait()
        os.rename(self.dir + "/run", self.dir + "/run.away")
        wait_until(self.answers, "it answers")

    def test_nothing_in_its_place_keeps_the_service_from_starting(self):
        def fifo(path):
            os.mkfifo(path)

        def link(path):
            os.symlink("/nowhere", path)

        def dead(path):
            with socket.socket(socket.AF_UNIX) as old:
                old.bind(path)

        for make in (lambda path: self.write("", path), fifo, link, dead, os.mkdir):
            os.makedirs(self.dir + "/run", exist_ok=True)
            make(self.socket_path)
            service = self.start_and_wait()
            self.assertTrue(table_exists())
            self.stop(service)
            nft("flush", "ruleset")
            shutil.rmtree(self.dir + "/run")

    def test_a_place_that_cannot_be_had_costs_the_socket_and_not_the_lock(self):
        os.makedirs(self.socket_path + "/full")
        self.start()
        wait_until(table_exists, "the rules are loaded")
        wait_until(lambda: "control-unavailable" in self.log(), "it says so")
        done = self.ks("disarm", expect=1)
        self.assertIn("systemctl restart killswitchd", done.stderr)
        self.assertTrue(table_exists())

    def test_a_start_that_fails_leaves_a_lock(self):
        os.makedirs(self.dir + "/run")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.socket_path)
            other.listen()
            service = self.start()
            self.assertEqual(service.wait(cli_support.DEADLINE_SECONDS), 1)
            self.assertTrue(table_exists())


class Holder(Case):
    """Stands in for the service manager: keeps the socket that owns the table."""

    def start_held(self):
        held = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.addCleanup(held.close)
        held.bind((0, 0))
        self.write(GOOD.replace("ownership: off\n", ""))

        def become_listener():
            os.dup2(held.fileno(), 3)
            os.set_inheritable(3, True)  # dup2() does nothing where it is 3 already.
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
            os.execv(cli_support.PROGRAM, [cli_support.PROGRAM, *self.paths, "run"])

        pid = os.fork()
        if pid == 0:
            log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 2)
            become_listener()
        self.addCleanup(self.end, pid)
        wait_until(lambda: os.path.exists(self.socket_path) and self.ks("status").returncode == 0,
                   "the service is ready")
        self.assertEqual(self.report(0)["ownership"], "owned")
        return pid

    @staticmethod
    def end(pid):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def test_without_the_service_the_commands_change_a_table_that_is_held(self):
        self.end(self.start_held())
        self.assertEqual(self.report(1)["ownership"], "owned")
        foreign = subprocess.run(["nft", "delete", "table", "inet", "killswitchd"], check=False,
                                 capture_output=True)
        self.assertNotEqual(foreign.returncode, 0)  # Else the test proves nothing.
        self.ks("lock", expect=0)
        self.assertEqual(self.report()["state"], "panic")
        self.ks("disarm", expect=3)
        self.ks("disarm", "--all", expect=0)
        self.assertFalse(table_exists())
        self.ks("arm", expect=0)
        self.assertEqual(self.report()["state"], "locked")
        self.ks("disarm", expect=0)
        self.assertFalse(table_exists())

    def test_a_broken_config_does_not_keep_the_way_out_shut(self):
        self.end(self.start_held())
        os.remove(self.config)
        self.ks("disarm", expect=0)
        self.assertFalse(table_exists())


class Disk(Case):
    def test_a_full_or_read_only_one_is_said_and_counts_in_the_exit_code(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        state = self.dir + "/state"
        os.rename(state, state + ".away")
        self.write("", state)  # Nothing can be made below a file.
        done = self.ks("arm", expect=1)
        self.assertIn("older decision", done.stderr)
        self.assertTrue(table_exists())
        wait_until(lambda: "state-not-saved" in self.log(), "it is logged")


class Names(Case):
    """Users and groups that are known late: in a copy of the file, mounted where the program looks."""

    def setUp(self):
        super().setUp()
        if ctypes.CDLL(None).unshare(CLONE_NEWNS) != 0:
            self.skipTest("no mount namespaces here")
        self.accounts = self.dir + "/passwd"
        shutil.copyfile("/etc/passwd", self.accounts)
        os.chmod(self.accounts, 0o644)
        for words in (("--make-rprivate", "/"), ("--bind", self.accounts, "/etc/passwd")):
            if cli_support.run("mount", *words).returncode != 0:
                self.skipTest("nothing can be mounted here")
        self.addCleanup(cli_support.run, "umount", "/etc/passwd")
        with open("/etc/passwd", encoding="utf-8") as file:
            self.without = file.read()
        self.write(GOOD.replace("fwmark: 0xca6c", "user: ks-late"))

    def know(self, number):
        with open(self.accounts, "w", encoding="utf-8") as file:
            file.write(self.without + "ks-late:x:{0}:{0}::/:/bin/false\n".format(number))

    def forget(self):
        with open(self.accounts, "w", encoding="utf-8") as file:
            file.write(self.without)

    def in_force_once(self):
        self.know(4711)
        self.stop(self.start_and_wait())
        nft("flush", "ruleset")
        self.forget()

    def test_at_boot_the_numbers_of_the_last_time_hold(self):
        self.in_force_once()
        done = self.ks("boot", expect=0)
        self.assertIn("ks-late", done.stderr)
        self.assertIn("skuid 4711", nft("list", "table", "inet", "killswitchd"))
        self.ks("check", expect=5)

    def test_without_a_last_time_the_builtin_lock_holds(self):
        self.ks("boot", expect=5)
        self.assertNotIn("51820", nft("list", "table", "inet", "killswitchd"))

    def test_another_config_is_not_taken_for_the_last_one(self):
        self.in_force_once()
        self.write(GOOD.replace("fwmark: 0xca6c", "user: ks-late").replace("51820", "51821"))
        self.ks("boot", expect=5)
        self.assertNotIn("5182", nft("list", "table", "inet", "killswitchd"))

    def test_the_service_takes_the_name_when_it_is_known(self):
        self.in_force_once()
        self.start()
        wait_until(table_exists, "the service has locked")
        self.assertIn("skuid 4711", nft("list", "table", "inet", "killswitchd"))
        wait_until(lambda: "names-unknown" in self.log(), "it says so")
        self.know(4712)
        wait_until(lambda: "skuid 4712" in nft("list", "table", "inet", "killswitchd"),
                   "the new number is in the rules")


@unittest.skipIf(shutil.which("strace") is None, "needs the program strace")
class Transient(Case):
    def boot(self, call, error):
        return cli_support.run("strace", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                               "inject={}:error={}:when=1..3".format(call, error),
                               cli_support.PROGRAM, *self.paths, "boot", env=cli_support.traced())

    def setUp(self):
        super().setUp()
        probe = cli_support.run("strace", "-qq", "-o", "/dev/null", "true")
        if probe.returncode != 0:
            self.skipTest("strace may not trace here")

    def test_rules_that_cannot_be_read_are_not_taken_for_ours(self):
        service = self.start_and_wait()
        wanted = meaning()
        tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e",
                                   "inject=sendto:error=ENOBUFS", "-p", str(service.pid)])
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.kill)

        def traced():
            with open("/proc/{}/status".format(service.pid), encoding="ascii") as status:
                return "TracerPid:\t{}\n".format(tracer.pid) in status.read()

        wait_until(traced, "strace has attached")
        nft("insert", "rule", "inet", "killswitchd", "output", "accept")
        wait_until(lambda: "table-unreadable" in self.log(), "it says that it cannot read them")
        self.assertNotEqual(meaning(), wanted)
        tracer.terminate()
        wait_until(lambda: meaning() == wanted, "the rules are restored")

    def test_without_inotify_cgroups_are_looked_at_and_that_is_said(self):
        root = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                     if os.path.exists(path + "/cgroup.controllers")), None)
        name = "killswitchd-test-{}".format(os.getpid())
        if root is None or not os.access(root, os.W_OK):
            self.skipTest("no cgroups of version 2 can be made here")
        self.write(GOOD + "scope: apps\napps: {{ cgroups: [{}] }}\n".format(name))
        with open(self.log_path, "ab") as log:
            service = subprocess.Popen(
                ["strace", "-D", "-qq", "-f", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e",
                 "inject=inotify_init1:error=EMFILE", cli_support.PROGRAM, *self.paths, "run"],
                stderr=log, stdout=log, env=cli_support.traced())
        self.addCleanup(self.stop, service)
        wait_until(lambda: os.path.exists(self.socket_path) and self.report()["verified"],
                   "the service is ready; it said: " + self.log())
        self.assertIn("cgroups-unwatched", self.log())
        notices = " ".join(self.report()["notices"])
        self.assertIn("cgroup {} does not exist".format(name), notices)
        self.assertIn("cgroups are only looked at every second", notices)
        os.mkdir("{}/{}".format(root, name))
        self.addCleanup(os.rmdir, "{}/{}".format(root, name))
        wait_until(lambda: name not in " ".join(self.report()["notices"]), "it is confined")
        self.assertIn('{}" '.format(name), nft("list", "chain", "inet", "killswitchd", "output"))

    def test_an_error_that_passes_does_not_end_the_boot_stage_open(self):
        self.ks("boot", expect=0)
        wanted = meaning()
        for call in ("socket", "bind", "sendto", "recvmsg"):
            for error in ("ENOBUFS", "ENOMEM", "EMFILE", "EINTR"):
                with self.subTest(call=call, error=error):
                    nft("flush", "ruleset")
                    done = self.boot(call, error)
                    self.assertTrue(table_exists(), done.stderr)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(meaning(), wanted)


class Terminal(Case):
    def test_no_name_that_others_chose_reaches_it_raw(self):
        self.start_and_wait()
        evil = self.dir + "/\033[31mnft\x07"
        os.symlink(shutil.which("nft"), evil)
        watcher = subprocess.Popen([cli_support.PROGRAM, *self.paths, "monitor"],
                                   stdout=subprocess.PIPE)
        self.addCleanup(watcher.communicate)
        self.addCleanup(watcher.kill)

        def announced():
            subprocess.run([evil, "add", "rule", "inet", "killswitchd", "output", "accept"], check=True)
            return select.select([watcher.stdout], [], [], 0.2)[0]

        wait_until(announced, "a line of the monitor")  # Once it listens.
        line = watcher.stdout.readline()
        self.assertIn(b"table-altered", line)
        self.assertNotIn(b"\033", line)
        self.assertIn(b"\\x1b[31m", line)
        for words in (("status",), ("status", "--json")):
            self.assertNotIn("\033", self.ks(*words).stdout)


if __name__ == "__main__":
    cli_support.main()
