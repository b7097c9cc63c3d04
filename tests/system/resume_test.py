"""Resume is exact: whatever ends a run, it goes on to the same bits."""

import os
import random
import shutil
import signal
import tempfile
import time
import unittest

import h5py

import datasets
import programs
import run_files

STEPS = 24
# 5 steps an epoch: kills hit steps, checkpoints, evaluations and results alike.
RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--threads", "1", "--replicas", "4", "--batch-per-replica", "16",
          "--steps", str(STEPS), "--learning-rate", "0.05", "--schedule", "one-cycle", "--augment", "cifar",
          "--checkpoint-every", "2", "--resume", "auto"]
KILLING_SECONDS = float(os.environ.get("RESNEXT_KILLING_SECONDS", "60"))


class ResumeIsExact(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.class_folder.cleanup)
        cls.train = datasets.pack_idx(cls.class_folder.name, 301, side=28)
        cls.test = datasets.pack_idx(cls.class_folder.name, 64, side=28, split="test", seed=1)
        whole = os.path.join(cls.class_folder.name, "whole")
        programs.train(2, cls.options_in(whole))
        with h5py.File(whole + ".h5", "r") as file:
            cls.training_seconds = file["summary"].attrs["seconds"]
        cls.whole_state = run_files.newest_checkpoint(whole)
        cls.whole_results = run_files.read_results(whole + ".h5")

    @classmethod
    def options_in(cls, folder):
        return [*RECIPE, "--data", cls.train, "--val-data", cls.test, "--checkpoint-dir", folder, "--out",
                folder + ".h5"]

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.run_folder = os.path.join(self.folder.name, "run")
        self.options = self.options_in(self.run_folder)

    def require_whole_run(self):
        state, results = run_files.newest_checkpoint(self.run_folder), run_files.read_results(self.run_folder + ".h5")
        self.assertEqual(run_files.differing(self.whole_state, state), [])
        self.assertEqual(run_files.differing(self.whole_results, results), [])

    def start_and_kill(self, ranks, while_starting, seconds, mpirun_too):
        """Starts the run, kills its ranks some seconds after they started or began to train, and returns how it ended."""
        with programs.start_worker(ranks, self.options) as program:
            if not while_starting:
                program.wait_for(" replicas of ")
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and program.process.poll() is None:
                self.require_readable_results()
                time.sleep(0.005)
            if mpirun_too:
                program.kill_everything()
            else:
                programs.send(program.ranks(), signal.SIGKILL)
            return program.finish()

    def require_readable_results(self):
        path = self.run_folder + ".h5"
        if os.path.exists(path):
            with h5py.File(path, "r") as file:
                self.assertEqual(len(file["train/loss"]), len(file["train/step"]))

    def test_kills_at_random_moments(self):
        seed = int(os.environ.get("RESNEXT_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (RESNEXT_TEST_SEED repeats it)")
        chance = random.Random(seed)
        end = time.monotonic() + KILLING_SECONDS
        runs = kills = resumed = 0
        while time.monotonic() < end:
            shutil.rmtree(self.run_folder, ignore_errors=True)
            runs, finished = runs + 1, False
            while not finished:
                ranks = chance.choice([1, 1, 2, 2, 4])
                before = run_files.checkpoints(self.run_folder)
                ended = self.start_and_kill(ranks, chance.random() < 0.2, chance.uniform(0, self.training_seconds),
                                            chance.random() < 0.3)
                finished = "done: " in ended.out
                kills += not finished
                if before:
                    resumed += 1
                    if ended.out:
                        self.assertIn("resuming from " + before[-1], ended.out)
                self.require_readable_results()
            self.require_whole_run()
        print(f"{runs} runs finished after {kills} kills; {resumed} starts found a checkpoint")
        self.assertGreaterEqual(kills, 3, "too few kills to say anything")
        self.assertGreater(resumed, 0)

    def test_half_the_ranks_are_lost(self):
        with programs.start_worker(4, self.options) as program:
            program.wait_for("epoch")  # the first evaluation or progress line
            programs.send(program.ranks()[2:], signal.SIGKILL)
            ended = program.finish(30)
        self.assertNotEqual(ended.code, 0, ended)
        finished = programs.train(2, self.options)
        self.assertIn("resuming from", finished.out)
        self.require_whole_run()

    def test_seconds_are_those_of_all_its_runs(self):
        programs.train(2, self.options)
        newest = run_files.checkpoints(self.run_folder)[-1]
        with h5py.File(newest) as file, h5py.File(self.run_folder + ".h5") as result:
            before = file.attrs["seconds"]
            self.assertLessEqual(before, result["summary"].attrs["seconds"])
        self.assertGreater(before, 0)
        programs.train(2, self.options)  # has nothing to do
        with h5py.File(self.run_folder + ".h5") as result:
            self.assertGreater(result["summary"].attrs["seconds"], before)

    def test_a_damaged_checkpoint_is_passed_over(self):
        programs.train(2, [*self.options, "--keep-checkpoints", "4"])
        good = run_files.checkpoints(self.run_folder)
        self.assertEqual(len(good), 4)
        newest, size = good[-1], os.path.getsize(good[-1])
        with open(newest, "rb") as file:
            whole = file.read()
        chance = random.Random(5)
        damages = [whole[:chance.randrange(size)], whole[:size - 1], b"",
                   self.with_flipped_bit(whole, chance.randrange(size)), self.with_flipped_bit(whole, size - 3)]
        for number, damaged in enumerate(damages):
            with self.subTest(number):
                for path in run_files.checkpoints(self.run_folder):
                    if path not in good:
                        os.remove(path)
                with open(newest, "wb") as file:
                    file.write(damaged)
                finished = programs.train(1 + number % 2, self.options)
                self.assertIn("passing over a damaged checkpoint: " + newest, finished.out)
                self.assertIn("resuming from " + good[-2], finished.out)
                self.require_whole_run()

    @staticmethod
    def with_flipped_bit(data, at):
        return data[:at] + bytes([data[at] ^ 16]) + data[at + 1:]


if __name__ == "__main__":
    unittest.main()
