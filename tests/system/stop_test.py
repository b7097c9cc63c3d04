"""SIGTERM and SIGINT end a run with a checkpoint, from which it goes on to the same bits."""

import os
import signal
import tempfile
import unittest

import datasets
import programs
import run_files

RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--threads", "1", "--replicas", "4", "--batch-per-replica", "16",
          "--learning-rate", "0.05", "--augment", "cifar", "--log-every", "0.5"]
ENDLESS = ["--steps", "1000000"]
MORE_STEPS = 4
# Open MPI 4 waits so long before it passes on the signal, and again before it kills; it reads no output meanwhile.
PATIENT_MPIRUN = ["--mca", "odls_base_sigkill_timeout", "2"]
HASTY_MPIRUN = "Open MPI 5 kills the ranks a fifth of a second after SIGTERM or SIGINT; resnext-launch and SIGUSR1 are for that"


class StopsWithACheckpoint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.class_folder.cleanup)
        cls.data = datasets.pack_idx(cls.class_folder.name, 1500)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.run_folder = os.path.join(self.folder.name, "run")
        self.more_options = []

    def options_in(self, folder):
        return [*RECIPE, "--data", self.data, "--checkpoint-dir", folder, "--checkpoint-every", "1000000", "--out",
                folder + ".h5", *self.more_options]

    def start(self, ranks, mpirun_options=()):
        return programs.start_worker(ranks, [*self.options_in(self.run_folder), *ENDLESS], mpirun_options)

    def stop(self, program, send):
        """Lets the run take some steps, stops it, and checks what it leaves and how it goes on."""
        program.wait_for("left ")  # a progress line
        send(program)
        ended = program.finish(60)
        self.assertIn("; the same command goes on from the checkpoint in " + self.run_folder, str(ended))
        self.assertEqual([line for line in ended.own_error_lines() if "error" in line], [], ended)
        checkpoints = run_files.checkpoints(self.run_folder)
        self.assertEqual(len(checkpoints), 1)
        steps = run_files.read_checkpoint(checkpoints[0])["step"]
        self.assertGreater(steps, 0)
        self.assertEqual(len(run_files.read_results(self.run_folder + ".h5")["train/loss"]), 8 * steps)
        self.require_same_as_undisturbed(steps + MORE_STEPS)
        return ended

    def require_same_as_undisturbed(self, steps):
        resumed = programs.train(1, [*self.options_in(self.run_folder), "--steps", str(steps)])
        self.assertIn("resuming from", resumed.out)
        whole_folder = self.run_folder + "-whole"
        programs.train(2, [*self.options_in(whole_folder), "--steps", str(steps)])
        self.assertEqual(run_files.differing(run_files.newest_checkpoint(whole_folder),
                                             run_files.newest_checkpoint(self.run_folder)), [])
        self.assertEqual(run_files.differing(run_files.read_results(whole_folder + ".h5"),
                                             run_files.read_results(self.run_folder + ".h5")), [])

    @unittest.skipIf(programs.mpirun_version() >= 5, HASTY_MPIRUN)
    def test_sigterm_to_mpirun(self):
        with self.start(2, PATIENT_MPIRUN) as program:
            ended = self.stop(program, lambda program: program.process.send_signal(signal.SIGTERM))
        self.assertIn("stopped by signal 15", ended.out)

    @unittest.skipIf(programs.mpirun_version() >= 5, HASTY_MPIRUN)
    def test_sigint_to_mpirun(self):
        with self.start(2, PATIENT_MPIRUN) as program:
            self.stop(program, lambda program: program.process.send_signal(signal.SIGINT))

    def test_sigusr1_to_mpirun(self):
        with self.start(2) as program:
            ended = self.stop(program, lambda program: program.process.send_signal(signal.SIGUSR1))
        self.assertEqual(ended.code, 0, ended)

    def test_sigterm_to_a_single_rank(self):
        with self.start(4) as program:
            ended = self.stop(program, lambda program: os.kill(program.ranks()[2], signal.SIGTERM))
        self.assertIn("stopped by signal 15", ended.out)
        self.assertEqual(ended.code, 0, ended)

    def test_sigint_to_a_single_rank(self):
        with self.start(2) as program:
            ended = self.stop(program, lambda program: os.kill(program.ranks()[1], signal.SIGINT))
        self.assertIn("stopped by signal 2 ", ended.out)
        self.assertEqual(ended.code, 0, ended)

    def test_in_the_middle_of_an_evaluation(self):
        self.data = datasets.pack_idx(self.folder.name, 320, side=28)
        self.more_options = ["--val-data", datasets.pack_idx(self.folder.name, 8000, side=28, split="test", seed=1)]
        with programs.start_worker(2, [*self.options_in(self.run_folder), "--steps", "5"]) as program:
            program.wait_for(" 5/5 ")  # what follows is the evaluation
            programs.send(program.ranks(), signal.SIGTERM)
            ended = program.finish(60)
        self.assertIn("stopped by signal 15", ended.out, ended)
        self.assertNotIn("validation:", ended.out)
        self.assertEqual(ended.code, 0, ended)
        self.require_same_as_undisturbed(5)

    def test_signals_to_resnext_launch(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.run_folder = os.path.join(self.folder.name, f"run-{int(number)}")
            command = [programs.LAUNCH, "-n", "2", "--worker", programs.WORKER, "--",
                       *self.options_in(self.run_folder), *ENDLESS]
            with self.subTest(number), programs.Program(command) as program:
                ended = self.stop(program, lambda program: program.process.send_signal(number))
                self.assertEqual(ended.code, 0, ended)

    def test_without_checkpoints_it_says_that_nothing_is_saved(self):
        with programs.start_worker(2, [*RECIPE, *ENDLESS, "--data", self.data]) as program:
            program.wait_for("left ")  # a progress line
            programs.send(program.ranks(), signal.SIGTERM)
            ended = program.finish(60)
        self.assertIn("nothing saved, as no --checkpoint-dir was given", ended.out, ended)
        self.assertEqual(ended.code, 0, ended)


if __name__ == "__main__":
    unittest.main()
