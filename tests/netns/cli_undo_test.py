# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways back: panic and disarm, confirmations, with a service and without."""
import contextlib
import os
import shutil
import signal
import subprocess

import cli_support
from cli_support import Case, table_exists, wait_until

BROKEN = "version: 1\nmode: sometimes\n"
OFF = "version: 1\nmode: off\n"


class Panic(Case):
    def in_panic(self, service):
        if service:
            self.start_and_wait()
        self.ks("arm", expect=0)
        self.ks("lock", expect=0)
        self.assertTrue(table_exists())

    def test_a_disarm_does_not_end_it_and_says_what_does(self):
        for service in (False, True):
            with self.subTest(service=service):
                self.in_panic(service)
                done = self.ks("disarm", expect=3)
                self.assertIn("unlock", done.stderr)
                self.assertEqual(self.report()["state"], "panic")
                self.ks("unlock", expect=0)  # Nothing of the refused request was kept.
                self.assertEqual(self.report()["state"], "locked")

    def test_disarm_all_opens(self):
        for service in (False, True):
            with self.subTest(service=service):
                self.in_panic(service)
                self.ks("disarm", "--all", expect=0)
                self.assertFalse(table_exists())
                self.assertEqual(self.report(3)["state"], "disarmed")
                if service:
                    self.stop(self.service)
                    self.start_and_wait()
                    self.assertFalse(table_exists())

    def test_with_a_broken_config_each_way_out_opens_or_says_what_stands(self):
        self.in_panic(False)
        self.write(BROKEN)
        self.ks("disarm", expect=3)
        self.assertTrue(table_exists())
        self.ks("unlock", expect=0)
        self.assertTrue(table_exists())  # The built-in lock: nothing opens by a mistake.
        self.ks("disarm", expect=0)
        self.assertFalse(table_exists())
        self.ks("lock", expect=0)
        self.ks("disarm", "--all", expect=0)
        self.assertFalse(table_exists())

    def test_with_mode_off_it_ends_the_same_with_and_without_the_service(self):
        self.write(OFF)
        for service in (False, True):
            with self.subTest(service=service):
                if service:
                    self.start_and_wait()
                self.ks("lock", expect=0)
                self.assertTrue(table_exists())
                self.ks("unlock", expect=0)
                self.assertFalse(table_exists())


class Confirm(Case):
    def arm(self, seconds, tracer=()):
        command = [*tracer, cli_support.PROGRAM, *self.paths, "arm", "--confirm", seconds]
        waiting = subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True,
                                   env=cli_support.traced() if tracer else None)
        self.addCleanup(waiting.communicate)
        self.addCleanup(self.kill_all, waiting.pid)
        wait_until(table_exists, "it is armed")
        wait_until(lambda: self.report()["confirm_within"] is not None, "a confirmation is due")
        return waiting

    def kill_all(self, group):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    def test_what_nobody_confirms_is_undone(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        self.assertFalse(table_exists())
        waiting = self.arm("2")
        self.assertEqual(waiting.wait(cli_support.DEADLINE_SECONDS), 6)
        self.assertFalse(table_exists())
        self.assertEqual(self.report(3)["state"], "disarmed")

    def test_what_is_confirmed_stays(self):
        self.ks("disarm", expect=0)
        self.start_and_wait()
        waiting = self.arm("600")
        self.ks("confirm", expect=0)
        self.assertEqual(waiting.wait(cli_support.DEADLINE_SECONDS), 0)
        self.assertIsNone(self.report(0)["confirm_within"])
        self.ks("confirm", expect=3)

    def test_a_confirmation_before_the_first_look_counts(self):
        late = cli_support.late_connects(2)
        self.ks("disarm", expect=0)
        self.start_and_wait()
        waiting = self.arm("600", late)
        self.ks("confirm", expect=0)
        self.assertEqual(waiting.wait(cli_support.DEADLINE_SECONDS), 0)

    def test_the_deadline_outlives_the_terminal_and_the_service(self):
        self.ks("disarm", expect=0)
        service = self.start_and_wait()
        waiting = self.arm("4")
        waiting.kill()
        self.stop(service)
        self.assertTrue(table_exists())
        self.start()
        wait_until(lambda: not table_exists(), "the arming is undone")

    def test_a_reboot_undoes_it(self):
        self.ks("disarm", expect=0)
        service = self.start_and_wait()
        self.arm("3600").kill()
        self.stop(service)
        shutil.rmtree(self.dir + "/run")
        self.ks("boot", expect=0)
        self.assertFalse(table_exists())

    def test_without_the_service_nobody_would_undo_it(self):
        self.ks("disarm", expect=0)
        self.assertIn("service", self.ks("arm", "--confirm", "60", expect=3).stderr)
        self.assertFalse(table_exists())
        self.ks("arm", "--confirm", "soon", expect=2)


if __name__ == "__main__":
    cli_support.main()
