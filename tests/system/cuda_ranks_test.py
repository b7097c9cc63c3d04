"""Neither the number of GPUs nor the order in which streams happen to run is part of the experiment: bit for bit.

The stand-ins run streams in orders that show a missing wait (STANDIN_ORDER of tests/cuda_standin/README.md). 19 images
are a step of all 8 replicas and one of 3 images, in which most replicas, and of 4 ranks some, have none."""

import os
import shutil
import unittest

import h5py
import numpy as np

import datasets
import run_files
import standin_gpus

RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "8", "--batch-per-replica", "2", "--learning-rate", "0.002",
          "--augment", "cifar", "--seed", "7", "--checkpoint-every", "2", "--validate-every", "2", "--bucket-mib", "0.05"]
EVERYTHING = ["--steps", "4", "--accumulate", "2", "--clip-gradient-norm", "0.5", "--label-smoothing", "0.1",
              "--ema-decay", "0.8"]
# Ranks, order of streams, CUDA graphs; compared with 1, lazy, off.
RUNS = [(1, "others", "on"), (1, "rand:1", "on"),
        (2, "lazy", "on"), (2, "others", "off"), (2, "rand:1", "off"), (2, "rand:2", "on"),
        (4, "lazy", "off"), (4, "others", "on"), (4, "rand:1", "on"), (4, "rand:2", "off")]
FEW_RUNS = [(1, "others", "on"), (2, "rand:1", "on"), (4, "others", "off")]


class GpusAreNotPartOfTheExperiment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        cls.data = datasets.pack_idx(cls.host.path("data"), 19)
        cls.validation = datasets.pack_idx(cls.host.path("data"), 9, split="test", seed=1)

    def outcome(self, ranks, order, graphs, options):
        name = f"{ranks}-{order}-{graphs}"
        shutil.rmtree(self.host.path(name), ignore_errors=True)
        return self.host.outcome(name, ranks, [*RECIPE, "--data", self.data, "--val-data", self.validation, *options,
                                               "--cuda-graphs", graphs], STANDIN_ORDER=order)

    def require_equal(self, one, other, what):
        self.assertEqual([state["step"] for state in one[0]], [state["step"] for state in other[0]], what)
        for state, other_state in zip(one[0], other[0]):
            self.assertEqual(run_files.differing(state, other_state), [], f"{what}, step {state['step']}")
        self.assertEqual(run_files.differing(one[1], other[1]), [], what)

    def require_same_bits(self, options, runs):
        reference = self.outcome(1, "lazy", "off", options)
        self.assertGreater(len(reference[0]), 1)
        for ranks, order, graphs in runs:
            what = f"{ranks} ranks, streams {order}, graphs {graphs}"
            self.require_equal(reference, self.outcome(ranks, order, graphs, options), what)

    def test_bf16(self):
        self.require_same_bits(["--precision", "bf16", "--steps", "6"], RUNS)

    def test_fp32(self):
        self.require_same_bits(["--precision", "fp32", "--steps", "6"], FEW_RUNS)

    def test_all_of_a_recipe_in_bf16(self):
        self.require_same_bits(["--precision", "bf16", *EVERYTHING], FEW_RUNS)

    def test_all_of_a_recipe_in_fp32(self):
        self.require_same_bits(["--precision", "fp32", *EVERYTHING], RUNS)

    def test_goes_on_with_fewer_gpus_to_the_same_bits(self):
        options = ["--precision", "bf16", *EVERYTHING]
        whole = self.outcome(4, "lazy", "on", options)
        first = run_files.checkpoints(self.host.path("4-lazy-on"))[0]
        for ranks in (2, 1):
            name = f"from-4-to-{ranks}"
            os.mkdir(self.host.path(name))
            shutil.copy(first, self.host.path(name))
            resumed = self.host.outcome(name, ranks, [*RECIPE, "--data", self.data, "--val-data", self.validation,
                                                      *options], STANDIN_ORDER="others")
            self.require_equal(whole, resumed, name)

    def test_fast_reduction_is_close(self):
        losses = []
        for mode, ranks in (("exact", 1), ("fast", 2), ("fast", 4)):
            self.outcome(ranks, "others", "on", ["--precision", "fp32", "--steps", "6", "--reduce", mode])
            with h5py.File(self.host.path(f"{ranks}-others-on.h5"), "r") as file:
                losses.append(np.concatenate([file["train/loss"], file["validation/loss"]]))
        for fast in losses[1:]:
            difference = np.abs(fast - losses[0]).max()
            print(f"the loss differs by up to {difference:.2g}")
            self.assertLess(difference, 1e-4)


if __name__ == "__main__":
    unittest.main()
