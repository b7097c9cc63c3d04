"""resnext-sweep --slurm, on a Slurm of two scripts."""

import os
import signal
import tempfile
import time
import unittest

import h5py

import fake_slurm
import programs
import sweeps


class RunsAsAnArray(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)
        self.folder = os.path.join(self.root, "results")
        self.slurm, self.state = fake_slurm.install(self.root)
        self.addCleanup(self.end_tasks)

    def end_tasks(self):
        """The tasks outlive a driver; they must not outlive the test."""
        while pids := [pid for pid, _ in sweeps.pids_in(self.root)]:
            programs.send(pids, signal.SIGKILL)
            time.sleep(0.05)

    def start(self, table, *arguments):
        with sweeps.Path(self.slurm):
            return programs.Program(sweeps.command(table, "--scale", "smoke", "--folder", self.folder, *arguments))

    def sweep(self, table, *arguments, code=0):
        with self.start(table, *arguments) as program:
            finished = program.finish(180)
        self.assertEqual(finished.code, code, finished)
        return finished

    def table(self):
        return h5py.File(os.path.join(self.folder, "small.h5"), "r")

    def test_one_array_for_a_table(self):
        table = sweeps.write_table(self.root)
        finished = self.sweep(table, "--slurm=--time=1:00:00 --partition=small")
        self.assertIn("4 of 4 runs to do, 1 at a time: in a time not known, up to", finished.out)
        (call,) = fake_slurm.submissions(self.state)
        self.assertIn("--job-name=resnext-small --signal=B:TERM@120", call)
        self.assertIn("--time=1:00:00 --partition=small --array=0-3 ", call)
        with self.table() as file:
            self.assertTrue(file.attrs["complete"])
        by_slurm = sweeps.numbers(os.path.join(self.folder, "small.h5"))
        os.rename(self.folder, self.folder + "-slurm")
        self.sweep(table)
        self.assertEqual(sweeps.numbers(os.path.join(self.folder, "small.h5")), by_slurm)

    def test_driver_that_is_killed_follows_the_same_array(self):
        table = sweeps.write_table(self.root, steps=400)
        with self.start(table, "--slurm") as program:
            program.wait_for("started")
            program.process.kill()
            program.finish()
        self.assertTrue(sweeps.pids_in(self.folder), "the tasks go on without it")
        self.sweep(table, "--slurm")
        self.assertEqual(len(fake_slurm.submissions(self.state)), 1, "nothing was submitted twice")
        with self.table() as file:
            self.assertTrue(file.attrs["complete"])

    def test_driver_that_is_killed_while_it_submits(self):
        table = sweeps.write_table(self.root, steps=100)
        killer = os.path.join(self.state, "kill-the-driver")
        open(killer, "w").close()
        with self.start(table, "--slurm") as program:
            self.assertEqual(program.finish(60).code, 128 + signal.SIGKILL)
        os.remove(killer)
        self.sweep(table, "--slurm")
        self.assertEqual(len(fake_slurm.submissions(self.state)), 1, "nothing was submitted twice")
        with self.table() as file:
            self.assertTrue(file.attrs["complete"])

    def test_ctrl_c_leaves_the_tasks(self):
        table = sweeps.write_table(self.root, steps=400)
        with self.start(table, "--slurm") as program:
            program.wait_for("started")
            program.process.send_signal(signal.SIGINT)
            finished = program.finish(30)
        self.assertEqual(finished.code, 0, finished)
        self.assertIn("the tasks stay in Slurm's queue (scancel --name=resnext-small ends them)", finished.out)
        self.assertTrue(sweeps.pids_in(self.folder))

    def test_controller_that_is_away_for_a_while(self):
        table = sweeps.write_table(self.root)
        with self.start(table, "--slurm") as program:
            program.wait_for("started")
            down = os.path.join(self.state, "down")
            open(down, "w").close()
            time.sleep(2)
            os.remove(down)
            finished = program.finish(180)
        self.assertEqual(finished.code, 0, finished)
        with self.table() as file:
            self.assertTrue(file.attrs["complete"])

    def test_failed_task_is_reported(self):
        table = sweeps.write_table(self.root, rows=sweeps.row("fails", "resnet11_cifar_w4", "momentum = 7"))
        finished = self.sweep(table, "--slurm", "--seeds", "1", code=1)
        self.assertRegex(finished.out, "fails seed 1: failed: .*momentum")

    def test_refused_submission(self):
        finished = self.sweep(sweeps.write_table(self.root), "--slurm=--refuse", code=1)
        self.assertEqual(finished.err, "resnext-sweep: error: Batch job submission failed: Invalid account\n")


if __name__ == "__main__":
    unittest.main()
