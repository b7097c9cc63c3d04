"""A GPU too small for the batch: the run says which batch would fit, and that one does.

The stand-in's libraries take as much memory as production expects of CUDA's, so that what is left is known."""

import re
import unittest

import datasets
import run_files
import standin_gpus

LIBRARIES = 2**30  # kLibraryBytes of net/cuda/memory_needs.h
RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--steps", "1", "--learning-rate", "0.002", "--precision", "bf16"]


class RunsOutOfGpuMemory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        cls.data = datasets.pack_idx(cls.host.path("data"), 64)

    def run_with(self, mebibytes, ranks, batch, options=("--replicas", "2"), libraries=LIBRARIES):
        return self.host.run(ranks, [*RECIPE, "--data", self.data, "--val-data", self.data, "--device", "cuda",
                                     "--batch-per-replica", str(batch), *options],
                             seconds=180, STANDIN_MEMORY=int(mebibytes * 2**20) + LIBRARIES, STANDIN_LIBRARIES=libraries)

    def advice(self, finished, *texts):
        """The batch that its one line of error says would fit; 0: none."""
        self.assertEqual(finished.code, 1, finished)
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        for text in ("resnext-worker: error: ", " resnext11_4x4d_cifar_w8 on GPU ", f"({standin_gpus.GPU_NAME} sm_90)",
                     "the GPU cannot give ", "GB were free at the start", *texts):
            self.assertIn(text, lines[0])
        print(lines[0])
        if "not even one image a replica would fit" in lines[0]:
            return 0
        return int(re.search(r": --batch-per-replica (\d+) would fit$", lines[0]).group(1))

    def require_fits(self, finished):
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(finished.own_error_lines(), [], finished)

    def require_good_advice(self, mebibytes, ranks):
        fits = self.advice(self.run_with(mebibytes, ranks, 64), "training on 64 images of")
        self.assertGreater(fits, 8)
        self.require_fits(self.run_with(mebibytes, ranks, fits))
        self.assertEqual(self.advice(self.run_with(mebibytes, ranks, 2 * fits)), fits)
        return fits

    # Memory between the two is for workspace, of which plans of some batches want much more than of others: as much
    # as for 3 images here. (The evaluation below, with little workspace, is tight.)

    def test_the_batch_that_would_fit_does_and_twice_as_many_do_not(self):
        self.require_good_advice(4, 1)

    def test_the_batch_that_would_fit_two_ranks(self):
        """One rank has a sum of its two replicas, two ranks have halves of the momentum, and what they receive."""
        arena = 40669 * 4 / 2**20
        self.require_good_advice(4 - (1 + 1 + 1 + 1) * arena + (1 + 1 + 0.5 + 1) * arena, 2)

    def test_sums_that_alone_do_not_fit(self):
        """32 micro-batches are summed in 5 arenas."""
        options = ["--replicas", "2", "--accumulate", "32"]
        self.assertEqual(self.advice(self.run_with(1.4, 2, 2, options), ": making room for the weights"), 0)

    def test_weights_that_alone_do_not_fit(self):
        self.assertEqual(self.advice(self.run_with(0.05, 1, 1), "making room for "), 0)

    def test_the_batch_that_would_fit_an_evaluation(self):
        trained = self.host.path("trained")
        self.host.train(1, [*RECIPE, "--data", self.data, "--batch-per-replica", "2", "--checkpoint-dir", trained])
        init = run_files.checkpoints(trained)[-1]

        def evaluate(batch):
            return self.host.run(1, ["--eval-only", "--init", init, "--model", RECIPE[1], "--precision", "bf16",
                                     "--val-data", self.data, "--device", "cuda", "--batch-per-replica", str(batch)],
                                 STANDIN_MEMORY=LIBRARIES + 2**20, STANDIN_LIBRARIES=LIBRARIES)

        fits = self.advice(evaluate(64), "evaluating 64 images of")
        self.assertGreater(fits, 4)
        self.require_fits(evaluate(fits))
        self.assertEqual(self.advice(evaluate(fits + 1)), fits)


if __name__ == "__main__":
    unittest.main()
