"""The worker on one GPU, which tests/cuda_standin stands in for: all that it does on a CPU, it does there."""

import signal
import unittest

import h5py
import numpy as np

import datasets
import programs
import run_files
import standin_gpus

RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "4", "--batch-per-replica", "2", "--steps", "12",
          "--learning-rate", "0.002", "--augment", "cifar", "--seed", "3"]
EVERYTHING = ["--accumulate", "2", "--clip-gradient-norm", "0.5", "--label-smoothing", "0.1", "--ema-decay", "0.8"]
# Largest difference from the CPU's loss. (Larger steps soon tell more of kinks than of arithmetic.)
TOLERANCES = {"fp32": 1e-4, "bf16": 0.01}


class TrainsOnOneGpu(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        folder = cls.host.path("data")
        cls.data = datasets.pack_idx(folder, 26)  # 3 steps of 8, and one of 2: two replicas have no image
        cls.validation = datasets.pack_idx(folder, 9, split="test", seed=1)

    def options(self, *more):
        return [*RECIPE, "--data", self.data, "--val-data", self.validation, *more]

    def losses(self, name):
        with h5py.File(self.host.path(name + ".h5"), "r") as file:
            return np.concatenate([file["train/loss"], file["validation/loss"]])

    def require_as_on_the_cpu(self, name, options):
        cpu = f"{name}-cpu"
        programs.train(1, [*self.options(*options), "--device", "cpu", "--out", self.host.path(cpu + ".h5")])
        expected = self.losses(cpu)
        for precision, tolerance in TOLERANCES.items():
            with self.subTest(precision):
                gpu = f"{name}-{precision}"
                self.host.outcome(gpu, 1, self.options("--precision", precision, *options))
                difference = np.abs(self.losses(gpu) - expected).max()
                print(f"{gpu}: the loss differs by up to {difference:.2g} from {expected[0]:.3f} to {expected[-1]:.3f}")
                self.assertLess(difference, tolerance)
                self.require_named_device(gpu, precision)

    def require_named_device(self, name, precision):
        with h5py.File(self.host.path(name + ".h5"), "r") as file:
            self.assertEqual(file.attrs["device"], standin_gpus.GPU_NAME)
            self.assertEqual(file.attrs["precision"], precision)
            self.assertRegex(file.attrs["engine"],
                             standin_gpus.GPU_NAME + r", CUDA [\d.]+, driver 13.0, cuDNN [\d.]+, NCCL [\d.]+")

    def test_learns_as_on_the_cpu(self):
        self.require_as_on_the_cpu("plain", [])

    def test_learns_with_all_of_a_recipe_as_on_the_cpu(self):
        self.require_as_on_the_cpu("everything", EVERYTHING)

    def test_goes_on_after_a_kill_to_the_same_bits(self):
        options = self.options(*EVERYTHING, "--precision", "bf16", "--checkpoint-every", "3")
        whole_states, whole_results = self.host.outcome("whole", 1, options)
        folder = self.host.path("killed")
        with self.host.start(1, [*options, "--device", "cuda", "--checkpoint-dir", folder]) as program:
            program.wait_until(lambda: len(run_files.checkpoints(folder)) == 2, "a checkpoint")
            programs.send(program.ranks(), signal.SIGKILL)
            self.assertNotEqual(program.finish().code, 0)
        self.assertLess(run_files.newest_checkpoint(folder)["step"], whole_states[-1]["step"])
        finished = self.host.train(1, [*options, "--checkpoint-dir", folder, "--out", folder + ".h5"])
        self.assertIn("resuming from", finished.out)
        self.assertEqual(run_files.differing(whole_states[-1], run_files.newest_checkpoint(folder)), [])
        self.assertEqual(run_files.differing(whole_results, run_files.read_results(folder + ".h5")), [])

    def test_evaluates_alone_to_the_same_bits(self):
        options = self.options("--precision", "bf16")
        self.host.outcome("trained", 1, options)
        init = run_files.checkpoints(self.host.path("trained"))[-1]
        for ranks in (1, 2):
            out = self.host.path(f"evaluated-{ranks}.h5")
            finished = self.host.train(ranks, ["--eval-only", "--init", init, "--out", out, *self.without_data(options)])
            self.assertIn("evaluated 9 images", finished.out)
            with h5py.File(out, "r") as alone, h5py.File(self.host.path("trained.h5"), "r") as trained:
                for name in ("loss", "top1_error", "top5_error"):
                    self.assertEqual(alone["validation"][name][-1], trained["validation"][name][-1], name)

    def without_data(self, options):
        at = options.index("--data")
        return options[:at] + options[at + 2:]


if __name__ == "__main__":
    unittest.main()
