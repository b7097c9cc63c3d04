"""Recipes are what they say: the published code's series, and the options that later recipes add."""

import math
import os
import shutil
import tempfile
import unittest

import h5py
import numpy as np
from PIL import Image

import datasets
import programs
import run_files

TINY = ["--model", "resnext11_4x4d_cifar_w8", "--threads", "1", "--augment", "none"]
FLOAT = np.float32


def published_series(dataset, images, batch, epochs, learning_rate=0.1):
    """(epoch, learning rate) of each step, as train.lua has them: Trainer:learningRate(epoch) for the dataset, and a
    data loader that gives ceil(size / batch) batches, the last one partial. The paper's CIFAR recipe has drops of its
    own, given as a tuple."""
    series = []
    for epoch in range(1, epochs + 1):
        if dataset == "imagenet":
            decay = math.floor((epoch - 1) / 30)
        elif dataset == "cifar10":
            decay = 2 if epoch / epochs > 0.74 else 1 if epoch / epochs > 0.49 else 0
        else:
            decay = sum(epoch > drop for drop in dataset)
        batches = math.ceil(images / batch)
        series += [(epoch, n / batches, learning_rate * math.pow(0.1, decay)) for n in range(1, batches + 1)]
    return series


def merged(options):
    """Of an option that is given twice, the last."""
    return [word for pair in dict(zip(options[::2], options[1::2])).items() for word in pair]


def tensors(path, group):
    with h5py.File(path, "r") as file:
        return {name: tensor[()] for name, tensor in file[group].items()}


def losses(path):
    with h5py.File(path, "r") as file:
        return file["validation/loss"][()]


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.class_folder.cleanup)
        # 75 = 2 * 32 + 11: the last batch leaves some of 8 replicas one image more than others.
        cls.data = datasets.pack_idx(cls.class_folder.name, 75, side=8)
        cls.test = datasets.pack_idx(cls.class_folder.name, 40, side=8, split="test", seed=1)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def train(self, name, options, ranks=1):
        """Trains with results and checkpoints named so; returns the path of the newest checkpoint."""
        programs.train(ranks, merged([*TINY, "--data", self.data, *options, "--out", self.path(name + ".h5"),
                                      "--checkpoint-dir", self.path(name)]))
        return run_files.checkpoints(self.path(name))[-1]

    def state(self, name, options, ranks=1):
        return run_files.read_checkpoint(self.train(name, options, ranks))

    def require_one_line(self, finished, code, *fragments):
        self.assertEqual(finished.code, code, finished)
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        for fragment in fragments:
            self.assertIn(fragment, lines[0])


class RecipesAreThePublished(Folder):
    SMALL = ["--replicas", "2", "--batch-per-replica", "16"]  # 3 steps an epoch, the last of 11 images

    def require_series(self, name, dataset, epochs):
        wanted = published_series(dataset, 75, 32, epochs)
        with h5py.File(self.path(name + ".h5"), "r") as file:
            epoch, rate = file["train/epoch"][()], file["train/learning_rate"][()]
        self.assertEqual(len(rate), len(wanted))
        np.testing.assert_array_equal(rate, [row[2] for row in wanted])
        np.testing.assert_array_equal(np.ceil(epoch), [row[0] for row in wanted])
        np.testing.assert_allclose(epoch, [row[0] - 1 + row[1] for row in wanted], rtol=1e-15)

    def test_series_of_learning_rates_and_epochs(self):
        for recipe, dataset, epochs in (("imagenet-paper", "imagenet", 95), ("imagenet-released", "imagenet", 100),
                                        ("cifar", (150, 225), 300), ("cifar-released", "cifar10", 300)):
            with self.subTest(recipe):
                self.train(recipe, ["--recipe", recipe, *self.SMALL])
                self.require_series(recipe, dataset, epochs)

    def test_killed_and_resumed_within_an_epoch(self):
        options = ["--recipe", "cifar-released", *self.SMALL, "--checkpoint-every", "4", "--keep-checkpoints", "9"]
        whole = self.state("whole", options)
        folder = self.path("run")
        with programs.start_worker(1, [*TINY, "--data", self.data, *options, "--out", folder + ".h5",
                                       "--checkpoint-dir", folder]) as program:
            program.wait_until(lambda: len(run_files.checkpoints(folder)) >= 9, "a checkpoint")
            program.kill_everything()
            program.finish()
        while run_files.read_checkpoint(run_files.checkpoints(folder)[-1])["step"] % 3 == 0:
            os.remove(run_files.checkpoints(folder)[-1])
        self.assertLess(run_files.read_checkpoint(run_files.checkpoints(folder)[-1])["step"], 900)
        finished = programs.train(2, [*TINY, "--data", self.data, *options, "--out", folder + ".h5",
                                      "--checkpoint-dir", folder])
        self.assertIn("resuming from", finished.out)
        self.require_series("run", "cifar10", 300)
        self.assertEqual(run_files.differing(whole, run_files.newest_checkpoint(folder)), [])

    def test_every_parameter_decays(self):
        """optim.sgd adds weightDecay * x to the gradient of every x. At learning rate 0 weights stay and gradients are
        those of the run without decay, so that the momenta differ by what decay alone has added up to."""
        start = self.train("start", ["--steps", "5", "--learning-rate", "0.05", *self.SMALL])
        still = ["--recipe", "cifar", "--init", start, "--learning-rate", "0", "--steps", "4", *self.SMALL,
                 "--checkpoint-every", "1", "--keep-checkpoints", "4"]
        self.train("decay", still)
        self.train("none", [*still, "--weight-decay", "0"])
        weights = tensors(start, "parameters")
        self.assertTrue(all(np.any(weight) for weight in weights.values()))
        expected = {name: np.zeros_like(weight) for name, weight in weights.items()}
        for step, (path, without) in enumerate(zip(run_files.checkpoints(self.path("decay")),
                                                   run_files.checkpoints(self.path("none")))):
            momentum, other = tensors(path, "momentum"), tensors(without, "momentum")
            for name, weight in weights.items():
                expected[name] = 0.9 * expected[name] + 5e-4 * weight
                np.testing.assert_allclose(momentum[name] - other[name], expected[name],
                                           atol=1e-6 * np.abs(momentum[name]).max() + 1e-9,
                                           err_msg=f"{name} after step {step + 1}")

    def test_an_epoch_of_so_many_steps(self):
        """It moves the epochs, and not the images: those come pass after pass."""
        options = ["--schedule", "constant", "--steps", "12", *self.SMALL, "--learning-rate", "0.05"]
        passes = tensors(self.train("passes", options), "parameters")
        longer = tensors(self.train("longer", [*options, "--epoch-steps", "5"]), "parameters")
        for name, weight in passes.items():
            self.assertEqual(weight.tobytes(), longer[name].tobytes())
        with h5py.File(self.path("longer.h5"), "r") as file:
            np.testing.assert_allclose(file["train/epoch"][()], np.arange(1, 13) / 5)
            self.assertEqual(file.attrs["steps-per-epoch"], 5)
        self.train("drops", ["--recipe", "imagenet5k", "--milestones", "1,2", "--epoch-steps", "5", "--epochs", "3",
                             *self.SMALL])
        with h5py.File(self.path("drops.h5"), "r") as file:
            np.testing.assert_allclose(file["train/learning_rate"][()], np.repeat([0.1, 0.01, 0.001], 5))

    def test_a_program_without_its_sources_has_them(self):
        moved = self.path("resnext-worker")
        shutil.copy(programs.WORKER, moved)
        folder = os.path.join(os.environ["RESNEXT_SOURCE_DIR"], "worker", "recipes")
        names = [name[:-len(".ini")] for name in os.listdir(folder) if name.endswith(".ini")]
        self.assertGreaterEqual(len(names), 5)
        help_text = programs.run([moved, "--help"], cwd=self.folder.name).out
        for name in names:
            with open(os.path.join(folder, name + ".ini")) as file:
                self.assertEqual(programs.run([moved, "--print-recipe", name], cwd=self.folder.name).out, file.read())
            self.assertIn(f"  {name} ", help_text)

    def test_bad_values_take_one_line(self):
        for option, value in (("recipe", "cifra"), ("accumulate", "0"), ("ema-decay", "1"),
                              ("clip-gradient-norm", "-1"), ("label-smoothing", "1"), ("block-form", "d"),
                              ("zero-init-last-gamma", "maybe"), ("epoch-steps", "-1"), ("init-skip", "fc.")):
            with self.subTest(option):
                finished = programs.run_worker(2, [*TINY, "--" + option, value])
                self.require_one_line(finished, 2, "--" + option)


class LaterOptions(Folder):
    # 75 = 64 + 11: the last batch leaves some micro-batches one image more than others.
    BASE = ["--steps", "5", "--learning-rate", "0.05"]
    ALL = ["--accumulate", "2", "--ema-decay", "0.8", "--clip-gradient-norm", "0.7", "--label-smoothing", "0.1",
           "--warmup-epochs", "1.5"]
    BATCHES = ["--replicas", "4", "--batch-per-replica", "8"]

    def test_all_of_them_on_any_number_of_ranks(self):
        options = [*self.BASE, *self.ALL, *self.BATCHES, "--val-data", self.test, "--bucket-mib", "0.02"]
        one, results = self.state("1", options), run_files.read_results(self.path("1.h5"))
        for kind in ("average/", "average_statistics/", "momentum/", "train/gradient_norm"):
            self.assertTrue(any(name.startswith(kind) for name in one), kind)
        for ranks in (2, 4):
            self.assertEqual(run_files.differing(one, self.state(str(ranks), options, ranks)), [], f"{ranks} ranks")
            self.assertEqual(run_files.differing(results, run_files.read_results(self.path(f"{ranks}.h5"))), [])

    def test_all_of_them_resume_exactly(self):
        options = [*self.BASE, *self.ALL, *self.BATCHES, "--val-data", self.test, "--checkpoint-every", "3"]
        whole = self.state("whole", options)
        os.remove(self.train("run", options, 2))  # what is left is of step 3
        finished = programs.train(1, [*TINY, "--data", self.data, *options, "--checkpoint-dir", self.path("run")])
        self.assertIn("resuming from", finished.out)
        self.assertEqual(run_files.differing(whole, run_files.newest_checkpoint(self.path("run"))), [])
        for option, value in (("accumulate", "1"), ("ema-decay", "0.9"), ("clip-gradient-norm", "0"),
                              ("label-smoothing", "0.2")):
            other = programs.run_worker(1, merged([*TINY, "--data", self.data, *options, f"--{option}", value,
                                                   "--checkpoint-dir", self.path("run")]))
            self.require_one_line(other, 1, "cannot resume from", option)

    def test_accumulated_batches_are_more_replicas(self):
        eight = self.state("8", [*self.BASE, "--replicas", "8", "--batch-per-replica", "8"], 2)
        four = self.state("4", [*self.BASE, *self.BATCHES, "--accumulate", "2"], 4)
        differing = run_files.differing(eight, four)
        self.assertTrue(differing)
        self.assertTrue(all(name.startswith("statistics/") for name in differing), differing)

    def test_statistics_move_with_each_accumulated_batch(self):
        """Of equal images all batches have one mean m: 0.1 m after a batch, 0.9 * 0.1 m + 0.1 m after two."""
        image = Image.fromarray(np.random.default_rng(3).integers(0, 255, (8, 8, 3)).astype(np.uint8))
        for index in range(32):
            folder = self.path("equal", f"class{index % 2}")
            os.makedirs(folder, exist_ok=True)
            image.save(os.path.join(folder, f"{index}.png"))
        programs.pack(self.path("equal"), self.path("shards"), "--name", "equal")
        options = ["--data", self.path("shards", "equal"), "--replicas", "2", "--batch-per-replica", "4", "--steps",
                   "1", "--image-size", "8"]
        once, thrice = (tensors(self.train(str(k), [*options, "--accumulate", str(k)]), "statistics") for k in (1, 3))
        means = [name for name in once if name.endswith("running_mean")]
        self.assertTrue(np.any(once["bn1.running_mean"]))
        for name in means:
            np.testing.assert_allclose(thrice[name], once[name] * (0.9 ** 2 + 0.9 + 1), rtol=1e-5, atol=1e-7)

    def test_averages_are_numpys(self):
        decay = 0.8
        options = [*self.BASE, *self.BATCHES, "--ema-decay", str(decay), "--checkpoint-every", "1",
                   "--keep-checkpoints", "5"]
        self.train("run", options)
        for group, average in (("parameters", "average"), ("statistics", "average_statistics")):
            expected = None
            for path in run_files.checkpoints(self.path("run")):
                values = tensors(path, group)
                if expected is None:
                    expected = values  # torch.optim.swa_utils.AveragedModel copies at its first update
                else:
                    expected = {name: FLOAT(decay) * expected[name] + FLOAT(1 - decay) * value
                                for name, value in values.items()}
                for name, value in tensors(path, average).items():
                    self.assertEqual(value.tobytes(), expected[name].tobytes(), f"{name} in {path}")

    def test_averaged_weights_are_evaluated(self):
        """With a decay so near to 1, the average stays what the weights were after the first step."""
        options = [*self.BATCHES, "--learning-rate", "0.05", "--val-data", self.test, "--validate-every", "1e-9"]
        self.train("plain", [*options, "--steps", "6"])
        checkpoint = self.train("averaged", [*options, "--steps", "6", "--ema-decay", "0.9999999"])
        plain, averaged = losses(self.path("plain.h5")), losses(self.path("averaged.h5"))
        self.assertEqual(plain[0], averaged[0])
        self.assertGreater(abs(plain[-1] - plain[0]), 1e-3)
        np.testing.assert_allclose(averaged, averaged[0], rtol=1e-5)
        # And the weights train on as without it.
        self.assertEqual(run_files.read_results(self.path("plain.h5"))["train/loss"],
                         run_files.read_results(self.path("averaged.h5"))["train/loss"])
        out = self.path("alone.h5")
        finished = programs.train(2, ["--eval-only", *TINY[:2], "--resume", checkpoint, "--val-data", self.test,
                                      "--batch-per-replica", "8", "--out", out])
        self.assertIn("with the averaged weights", finished.out)
        self.assertEqual(losses(out)[0], averaged[-1])

    def test_clipping_is_of_the_mean_gradient(self):
        """Without momentum, decay and learning rate, /momentum is the gradient of the last step."""
        options = [*self.BATCHES, "--steps", "3", "--momentum", "0", "--nesterov", "off", "--weight-decay", "0",
                   "--learning-rate", "0"]
        free = tensors(self.train("free", options), "momentum")
        norm = math.sqrt(sum((value.astype(np.float64) ** 2).sum() for value in free.values()))
        for limit in (norm / 3, 2 * norm):
            clipped = tensors(self.train(f"{limit}", [*options, "--clip-gradient-norm", str(limit)], 2), "momentum")
            with h5py.File(self.path(f"{limit}.h5"), "r") as file:
                self.assertAlmostEqual(file["train/gradient_norm"][-1], norm, delta=1e-9 * norm)
                self.assertEqual(len(file["train/gradient_norm"]), 3)
            factor = min(1.0, limit / (norm + 1e-6))
            for name, value in free.items():
                np.testing.assert_allclose(clipped[name], value * factor, rtol=1e-6, atol=1e-12)

    def test_class_names_are_in_the_checkpoint(self):
        checkpoint = self.train("run", [*self.BATCHES, "--steps", "1"])
        with h5py.File(checkpoint, "r") as file:
            self.assertEqual([name.decode() for name in file.attrs["class_names"]], ["0", "1", "2", "3", "4"])


if __name__ == "__main__":
    unittest.main()
