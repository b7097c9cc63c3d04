"""The number of ranks is not part of the experiment."""

import os
import re
import tempfile
import unittest

import datasets
import programs
import run_files

RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--threads", "1", "--replicas", "8", "--batch-per-replica", "4",
          "--steps", "20", "--learning-rate", "0.05", "--seed", "7"]


class RanksAreNotPartOfTheExperiment(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def outcome(self, ranks, options):
        """(state in the last checkpoint, series in the results) of a run with so many ranks."""
        name = f"{ranks}-ranks"
        programs.train(ranks, [*RECIPE, *options, "--checkpoint-dir", self.path(name), "--out",
                               self.path(name + ".h5")])
        return run_files.newest_checkpoint(self.path(name)), run_files.read_results(self.path(name + ".h5"))

    def require_equal(self, options, others):
        one_state, one_results = self.outcome(1, options)
        self.assertEqual(one_state["step"], 20)
        for ranks in others:
            state, results = self.outcome(ranks, options)
            self.assertEqual(run_files.differing(one_state, state), [], f"{ranks} ranks")
            self.assertEqual(run_files.differing(one_results, results), [], f"{ranks} ranks")

    def test_idx_images_with_a_last_batch_smaller_than_the_replicas(self):
        # 165 = 5 * 32 + 5: the last batch of an epoch leaves three of the replicas without an image.
        train = datasets.pack_idx(self.path("data"), 165)
        test = datasets.pack_idx(self.path("data"), 53, split="test", seed=1)
        self.require_equal(["--data", train, "--val-data", test, "--augment", "cifar"], [2, 4, 8])

    def test_jpegs_in_several_buckets(self):
        # 75 = 2 * 32 + 11: the last batch leaves some replicas one image more than others.
        train = datasets.pack_jpegs(self.path("data"), 75, shards=3)
        test = datasets.pack_jpegs(self.path("data"), 20, "test", seed=1)
        self.require_equal(["--data", train, "--val-data", test, "--augment", "imagenet", "--image-size", "24",
                            "--bucket-mib", "0.005", "--decode-threads", "2"], [2, 8])

    def test_evaluation_alone(self):
        test = datasets.pack_idx(self.path("data"), 53, split="test")
        programs.train(1, [*RECIPE, "--data", test, "--checkpoint-dir", self.path("weights")])
        weights = run_files.checkpoints(self.path("weights"))[-1]
        outcomes = []
        for ranks in (1, 2, 4):
            out = self.path(f"{ranks}.h5")
            programs.train(ranks, ["--eval-only", "--model", RECIPE[1], "--init", weights, "--val-data", test,
                                   "--batch-per-replica", "4", "--replicas", "4", "--out", out])
            outcomes.append(run_files.read_results(out))
        self.assertEqual(len(outcomes[0]["validation/top1_error"]), 8)
        self.assertEqual(run_files.differing(outcomes[0], outcomes[1]), [])
        self.assertEqual(run_files.differing(outcomes[0], outcomes[2]), [])

    def test_fast_reduction_learns_on_shares_that_are_no_subtree(self):
        data = datasets.pack_idx(self.path("data"), 200)
        options = ["--model", RECIPE[1], "--data", data, "--replicas", "6", "--batch-per-replica", "8", "--steps", "40",
                   "--learning-rate", "0.05", "--reduce", "fast", "--out", self.path("fast.h5")]
        finished = programs.train(2, options)
        losses = [float(loss) for loss in re.findall(r"loss +([0-9.]+)", finished.out)]
        self.assertLess(losses[-1], 0.7 * losses[0])

    def test_counts_that_cannot_be_exact_are_refused(self):
        for ranks in (3, 5, 6, 16):
            finished = programs.run_worker(ranks, [*RECIPE, "--checkpoint-dir", self.path("none")])
            self.assertEqual(finished.code, 2, finished)
            self.assertEqual(finished.own_error_lines(), [
                f"resnext-worker: error: --replicas: {ranks} ranks cannot share 8 replicas evenly; use one of these "
                "rank counts: 1, 2, 4, 8 (or other --replicas)"])
            self.assertFalse(os.path.exists(self.path("none")))

    def test_shares_that_are_no_subtree_are_refused(self):
        finished = programs.run_worker(2, ["--replicas", "6", "--steps", "1"])
        self.assertEqual(finished.code, 2, finished)
        self.assertEqual(len(finished.own_error_lines()), 1, finished)
        self.assertIn("each would sum 3 replicas", finished.err)
        self.assertIn("1, 3, 6", finished.err)


if __name__ == "__main__":
    unittest.main()
