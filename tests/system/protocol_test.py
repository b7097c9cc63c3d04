"""Test protocols against compositions in NumPy, and on any number of ranks."""

import os
import sys
import tempfile
import unittest

import h5py
import numpy as np
from PIL import Image

import datasets
import predictions
import programs
import run_files

SOURCE = os.environ["RESNEXT_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "data"))
import torch_transforms  # transforms.lua in NumPy

MODEL = "resnext11_4x4d_cifar_w8"


def summary(path):
    with h5py.File(path, "r") as file:
        return dict(file["summary"].attrs), {name: dataset[()] for name, dataset in file["validation"].items()}


class Views(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.images, rng = os.path.join(folder.name, "images"), np.random.default_rng(3)
        for index in range(13):
            path = os.path.join(cls.images, f"class{index % 3}", f"{index:02}.png")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            size = rng.integers(17, 45, 2)
            coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3)).astype(np.uint8))
            coarse.resize(tuple(int(side) for side in size), Image.BICUBIC).save(path)
        cls.shards = os.path.join(folder.name, "shards")
        programs.pack(cls.images, cls.shards, "--no-shuffle")
        name = os.path.join(folder.name, "run")
        programs.train(1, ["--model", MODEL, "--data", cls.shards, "--replicas", "1", "--batch-per-replica", "6",
                           "--image-size", "16", "--augment", "imagenet", "--steps", "10", "--learning-rate", "0.05",
                           "--checkpoint-dir", name])
        cls.weights = run_files.checkpoints(name)[-1]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def pictures(self):
        """The files' pixels, (C, H, W) in [0, 1], in the order of their names."""
        files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.images) for name in names)
        return [np.asarray(Image.open(file), np.float64).transpose(2, 0, 1) / 255 for file in files]

    def logits_of(self, pixels, *words):
        """Of one view or several of one size, each by itself."""
        normalised = torch_transforms.normalise(pixels, 0.485, 0.456, 0.406, 0.229, 0.224, 0.225)
        return predictions.predict_tensor(self.folder, normalised, "--init", self.weights, *words)

    def predict(self, *words):
        return predictions.predict(self.path("y.h5"), "--init", self.weights, *words, self.images)

    def test_centre_crops(self):
        for options, shorter, crop in (([], 18, 16), (["--test-crop", "24"], 27, 24),
                                       (["--test-crop", "24", "--test-resize", "24"], 24, 24)):
            logits, content = self.predict(*options)
            views = [torch_transforms.centre_crop(torch_transforms.scale_shorter(picture, shorter), crop)
                     for picture in self.pictures()]
            np.testing.assert_allclose(logits, self.logits_of(np.stack(views)), rtol=1e-4, atol=1e-4)
            self.assertEqual((content["test-crop"], content["test-resize"]), (crop, shorter))

    def ten_crop_logits(self):
        """(images, views, classes)."""
        views = np.concatenate([torch_transforms.ten_crop(torch_transforms.scale_shorter(picture, 22), 16)
                                for picture in self.pictures()])
        return self.logits_of(views).reshape(13, 10, 3)

    def test_ten_crops(self):
        by_view = self.ten_crop_logits()
        options = ["--protocol", "ten-crop", "--test-resize", "22"]
        logits, content = self.predict(*options)
        np.testing.assert_allclose(logits, by_view.mean(axis=1), rtol=1e-4, atol=1e-4)
        self.assertEqual(content["views"], "ten crops of 16 from a shorter side of 22, logits averaged")
        self.assertFalse(np.allclose(logits, by_view[:, 0], rtol=1e-2, atol=1e-2))
        averaged, _ = self.predict(*options, "--average", "probabilities")
        np.testing.assert_allclose(np.exp(averaged), predictions.softmax(by_view).mean(axis=1), rtol=1e-3)

    def test_whole_images_at_several_scales(self):
        logits, content = self.predict("--protocol", "multi-scale", "--test-scales", "16,24,33")
        for index, picture in enumerate(self.pictures()):
            views = []
            for scale in (16, 24, 33):
                scaled = torch_transforms.scale_shorter(picture, scale)
                pair = np.stack([scaled, torch_transforms.hflip(scaled)])
                views.append(self.logits_of(pair, "--protocol", "multi-scale"))
            np.testing.assert_allclose(logits[index], np.concatenate(views).mean(axis=0), rtol=1e-4, atol=1e-4)
        self.assertEqual(content["test-scales"], "16,24,33")

    def test_ensembles_average_after_their_views(self):
        one, _ = self.predict("--protocol", "ten-crop", "--average", "probabilities")
        both, _ = predictions.predict(self.path("y.h5"), "--init", f"{self.weights},{self.weights}", "--protocol",
                                      "ten-crop", "--average", "probabilities", self.images)
        np.testing.assert_allclose(both, one, rtol=1e-5, atol=1e-5)

    def test_ranks_are_not_part_of_any_protocol(self):
        for options in (["--protocol", "ten-crop"], ["--protocol", "multi-scale", "--test-scales", "16,20"],
                        ["--test-crop", "20", "--test-resize", "20"]):
            outcomes = []
            for ranks in (1, 2, 3):
                out = self.path(f"{ranks}.h5")
                finished = programs.train(ranks, [
                    "--eval-only", "--model", MODEL, "--image-size", "16", "--init", self.weights, "--val-data",
                    self.shards, "--replicas", "6", "--batch-per-replica", "4", *options, "--out", out])
                outcomes.append(run_files.read_results(out))
                with h5py.File(out, "r") as file:
                    self.assertEqual(file.attrs["protocol"], options[1] if "--protocol" in options else "centre")
            self.assertEqual(run_files.differing(outcomes[0], outcomes[1]), [])
            self.assertEqual(run_files.differing(outcomes[0], outcomes[2]), [])
            logits, content = self.predict("--batch", "4", *options)
            self.assertEqual(np.frombuffer(outcomes[0]["validation/top1_error"])[0], content["top1_error"])
            self.assertAlmostEqual(np.frombuffer(outcomes[0]["validation/loss"])[0], content["loss"], 12)
            self.assertIn(content["views"], finished.out)

    def test_training_takes_the_crops_but_not_the_scales(self):
        options = ["--model", MODEL, "--data", self.shards, "--val-data", self.shards, "--image-size", "16", "--replicas",
                   "2", "--batch-per-replica", "4", "--steps", "2", "--augment", "imagenet"]
        finished = programs.run_worker(1, [*options, "--protocol", "multi-scale"])
        self.assertEqual(finished.code, 2, finished)
        self.assertIn("--protocol: multi-scale goes with --eval-only", finished.err)
        run, out = self.path("run"), self.path("run.h5")
        programs.train(2, [*options, "--protocol", "ten-crop", "--checkpoint-dir", run, "--out", out])
        _, content = predictions.predict(self.path("y.h5"), "--init", run_files.checkpoints(run)[-1], "--protocol",
                                         "ten-crop", "--batch", "4", self.shards)
        self.assertEqual(summary(out)[0]["validation_top1_error"], content["top1_error"])


class SomeOfTheClasses(unittest.TestCase):
    """Trained on many classes, tested on images of some of them (paper, Table 6)."""
    SOME = [30, 41, 22, 3, 14, 45, 6, 37, 28, 49]  # five classes look the same: those of one last digit

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.data = datasets.pack_idx(cls.path("all"), 250, classes=50)
        cls.test = cls.pack_some("some", [str(c) for c in cls.SOME])
        cls.out = cls.path("run.h5")
        programs.train(2, ["--model", MODEL, "--data", cls.data, "--val-data", cls.test, "--replicas", "2",
                           "--batch-per-replica", "25", "--epochs", "4", "--learning-rate", "0.1", "--checkpoint-dir",
                           cls.path("run"), "--out", cls.out])
        cls.weights = run_files.checkpoints(cls.path("run"))[-1]

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.folder.name, *names)

    @classmethod
    def pack_some(cls, name, names):
        """Images of ten patterns as classes of these names."""
        datasets.make_idx(cls.path(name), 130, classes=10, split="test", seed=5)
        with open(cls.path(name, "names"), "w") as file:
            file.write("\n".join(names))
        programs.pack(cls.path(name), cls.path(name, "shards"), "--split", "test", "--class-names",
                      cls.path(name, "names"))
        return cls.path(name, "shards", "test")

    def evaluate(self, ranks, *options):
        out = self.path(f"{ranks}.h5")
        finished = programs.train(ranks, ["--eval-only", "--model", MODEL, "--val-data", self.test, "--replicas", "6",
                                          "--batch-per-replica", "25", "--out", out, *options])
        return finished, *summary(out)

    def expected(self, logits, labels):
        return [predictions.error(logits, labels, 1), predictions.error(logits, labels, 5),
                predictions.restricted_error(logits, labels, self.SOME, 1),
                predictions.restricted_error(logits, labels, self.SOME, 5)]

    def test_errors_are_those_of_numpy(self):
        logits, content = predictions.predict(self.path("y.h5"), "--init", self.weights, "--batch", "25", self.test)
        with h5py.File(self.test + "-00000-of-00001.h5", "r") as file:
            labels = np.array(self.SOME)[file["labels"][()]]
        np.testing.assert_array_equal(content["labels"], labels)
        expected = self.expected(logits, labels)
        self.assertEqual(len(set(expected)), 4, expected)  # else this would show little
        names = ["top1_error", "top5_error", "restricted_top1_error", "restricted_top5_error"]
        np.testing.assert_allclose([content[name] for name in names], expected)
        for ranks in (1, 2, 3):
            finished, last, series = self.evaluate(ranks, "--init", self.weights)
            np.testing.assert_allclose([series[name][0] for name in names], expected)
            np.testing.assert_allclose([last["validation_" + name] for name in names], expected)
            self.assertIn(f"among its own 10 classes: top-1 error {expected[2]:.2f}%, top-5 error {expected[3]:.2f}%",
                          finished.out)
        # As in training, and from the folder of checkpoints.
        self.assertEqual([summary(self.out)[1][name][-1] for name in names], [series[name][0] for name in names])
        _, _, series = self.evaluate(1, "--checkpoint-dir", self.path("run"))
        np.testing.assert_allclose([series[name][0] for name in names], expected)

    def test_series_have_a_row_for_each_evaluation(self):
        _, series = summary(self.out)
        self.assertEqual({len(values) for values in series.values()}, {4})
        with h5py.File(self.weights, "r") as file:
            history = file["history/validation/restricted_top5_error"][()]
        np.testing.assert_array_equal(series["restricted_top5_error"], history)

    def test_weights_without_names_take_them_from_a_file(self):
        exported = self.path("w.safetensors")
        programs.run([os.environ["RESNEXT_WEIGHTS"], "export", self.weights, exported])
        with open(self.path("fifty"), "w") as file:
            file.write("\n".join(str(c) for c in range(50)))
        _, expected, _ = self.evaluate(1, "--init", self.weights)
        _, found, _ = self.evaluate(1, "--init", exported, "--class-names", self.path("fifty"))
        self.assertEqual(found["validation_restricted_top1_error"], expected["validation_restricted_top1_error"])
        finished = predictions.run("--init", exported, self.test)
        self.assertIn("note: no errors are counted: the names of the network's 50 classes are not known", finished.err)

    def test_classes_that_the_network_has_not(self):
        alien = self.pack_some("alien", ["50", *map(str, range(9))])
        finished = programs.run_worker(2, ["--eval-only", "--model", MODEL, "--val-data", alien, "--init", self.weights])
        self.assertEqual(finished.code, 1, finished)
        self.assertEqual(len(finished.own_error_lines()), 1, finished)
        self.assertIn("10 against 50, and '50' is not among these", finished.err)


if __name__ == "__main__":
    unittest.main()
