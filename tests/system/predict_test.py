"""resnext-predict: its files say what NumPy makes of its logits, however the images come."""

import csv
import os
import shutil
import sys
import tempfile
import unittest

import h5py
import numpy as np
from PIL import Image

import predictions
import programs
import run_files

SOURCE = os.environ["RESNEXT_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "golden"))
import formula_weights  # NumPy's reader and writer of safetensors

MODEL = "resnext11_4x4d_cifar_w8"
CLASSES = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu"]


class Predict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.images = os.path.join(folder.name, "images")
        rng = np.random.default_rng(0)
        cls.files = []
        for index in range(42):
            label = index // 6
            cls.files.append(os.path.join(cls.images, CLASSES[label], f"{index:02}.png"))
            os.makedirs(os.path.dirname(cls.files[-1]), exist_ok=True)
            pixels = rng.integers(0, 256, (rng.integers(16, 40), rng.integers(16, 40), 3)) // 2 + 18 * label
            Image.fromarray(pixels.astype(np.uint8)).save(cls.files[-1])
        programs.pack(cls.images, os.path.join(folder.name, "shards"), "--no-shuffle")
        cls.shards = os.path.join(folder.name, "shards")
        cls.checkpoints = [cls.train(folder.name, seed) for seed in ("1", "2")]
        cls.labels = np.arange(42) // 6

    @classmethod
    def train(cls, folder, seed):
        name = os.path.join(folder, "run" + seed)
        programs.train(1, ["--model", MODEL, "--data", cls.shards, "--replicas", "2", "--batch-per-replica", "6",
                           "--image-size", "16", "--augment", "imagenet", "--steps", "8", "--learning-rate", "0.05",
                           "--mean", "0.5", "--deviation", "0.25", "--seed", seed, "--checkpoint-dir", name])
        return run_files.checkpoints(name)[-1]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.weights = self.checkpoints[0]

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def predict(self, *words):
        return predictions.predict(self.path("y.h5"), *words)

    def require_failure(self, code, text, *words):
        finished = predictions.run("--out", self.path("y.h5"), "--csv", self.path("y.csv"), *words)
        self.assertEqual(finished.code, code, finished)
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        self.assertTrue(lines[0].startswith("resnext-predict: error: "), finished)
        self.assertIn(text, lines[0])
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("y.")], [])

    # ---- what it writes

    def test_everything_written_follows_from_the_logits(self):
        logits, content = self.predict("--init", self.weights, "--top-k", "3", "--csv", self.path("y.csv"), self.images)
        self.assertEqual((logits.shape, logits.dtype), ((42, 7), np.float32))
        best = predictions.best_classes(logits, 3)
        probabilities = np.take_along_axis(predictions.softmax(logits), best, 1)
        self.assertEqual(content["top_k"].dtype, np.int32)
        np.testing.assert_array_equal(content["top_k"], best)
        np.testing.assert_allclose(content["top_k_probability"], probabilities, rtol=1e-6)
        np.testing.assert_array_equal(content["labels"], self.labels)
        self.assertEqual([path.decode() for path in content["paths"]], self.files)
        self.assertEqual([name.decode() for name in content["class_names"]], CLASSES)
        self.assertAlmostEqual(content["top1_error"], predictions.error(logits, self.labels, 1))
        self.assertAlmostEqual(content["top5_error"], predictions.error(logits, self.labels, 5))
        self.assertGreater(len(np.unique(best[:, 0])), 1)
        self.assertAlmostEqual(content["loss"], predictions.loss(logits, self.labels), 6)
        self.assertIn(f"top-1 error {content['top1_error']:.2f}%", content["printed"])
        self.assertEqual([content[name] for name in ("format", "model", "protocol", "average", "test-crop",
                                                     "test-resize")],
                         ["resnext-prediction", MODEL, "centre", "logits", 16, 18])
        self.assertIn(self.weights, content["weights"][0])
        with open(self.path("y.csv"), newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[0][:4], ["path", "label", "rank1_class", "rank1_probability"])
        self.assertEqual([row[0] for row in rows[1:]], self.files)
        self.assertEqual([row[1] for row in rows[1:]], [CLASSES[label] for label in self.labels])
        for row, classes, expected in zip(rows[1:], best, probabilities):
            self.assertEqual(row[2::2], [CLASSES[c] for c in classes])
            np.testing.assert_allclose(np.array(row[3::2], float), expected, rtol=1e-5)

    def test_names_that_csv_must_quote(self):
        odd = self.path('a "b", c.png')
        shutil.copy(self.files[0], odd)
        programs.run([predictions.PREDICT, "--init", self.weights, "--csv", self.path("y.csv"), odd])
        with open(self.path("y.csv"), newline="") as file:
            self.assertEqual(list(csv.reader(file))[1][:2], [odd, ""])

    def test_equal_scores(self):
        formula = self.path("w.safetensors")
        programs.run([os.environ["RESNEXT_WEIGHTS"], "export", self.weights, formula])
        tensors, _ = formula_weights.read_safetensors(formula)
        tensors["fc.weight"] = np.zeros_like(tensors["fc.weight"])
        tensors["fc.bias"] = np.array([0, 2, 1, 2, 1, 0, 1], np.float32)
        formula_weights.write_safetensors(formula, tensors, {"model": MODEL})
        with open(self.path("names"), "w") as file:
            file.write("\n".join(CLASSES))
        options = ["--init", formula, "--class-names", self.path("names"), "--image-size", "16"]
        logits, content = self.predict(*options, self.images)
        np.testing.assert_array_equal(logits, np.tile(tensors["fc.bias"], (42, 1)))
        np.testing.assert_array_equal(content["top_k"], np.tile([1, 3, 2, 4, 6], (42, 1)))
        self.assertAlmostEqual(content["top1_error"], 100 * 6 / 7)
        self.assertAlmostEqual(content["top5_error"], 100 * 2 / 7)
        # Of gnu, cat, elk (all 1) the network's first: cat.
        some = self.path("some")
        for name in ("gnu", "elk", "cat"):
            shutil.copytree(os.path.join(self.images, name), os.path.join(some, name))
        logits, content = self.predict(*options, some)
        self.assertEqual(content["top1_error"], 100)
        self.assertAlmostEqual(content["restricted_top1_error"], 100 * 2 / 3)

    # ---- where images come from

    def test_folders_shards_and_single_images_agree(self):
        logits, _ = self.predict("--init", self.weights, self.images)
        of_shards, content = self.predict("--init", self.weights, self.shards)
        np.testing.assert_array_equal(of_shards, logits)
        np.testing.assert_array_equal(content["samples"], np.arange(42))
        self.assertNotIn("paths", content)
        of_class, content = self.predict("--init", self.weights, os.path.dirname(self.files[6]))
        np.testing.assert_allclose(of_class, logits[6:12], rtol=1e-5, atol=1e-5)
        self.assertNotIn("labels", content)
        single, content = self.predict("--init", self.weights, self.files[9])
        np.testing.assert_allclose(single, logits[9:10], rtol=1e-5, atol=1e-5)
        self.assertEqual(content["paths"][0].decode(), self.files[9])
        printed = predictions.run("--init", self.weights, "--top-k", "1", self.files[9]).out.splitlines()
        best = CLASSES[np.argmax(logits[9])]
        self.assertEqual(printed[0],
                         f"{self.files[9]}: {best} {100 * predictions.softmax(logits[9]).max():.2f}%")
        self.assertEqual(len(printed), 2)

    def test_batches_and_threads_change_nothing_but_rounding(self):
        logits, _ = self.predict("--init", self.weights, self.images)
        other, _ = self.predict("--init", self.weights, "--batch", "5", "--decode-threads", "3", self.images)
        np.testing.assert_allclose(other, logits, rtol=1e-5, atol=1e-5)

    def test_tensors_of_any_size(self):
        pixels = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3)).astype(np.float64)
        for index, square in enumerate(pixels):
            Image.fromarray(square.astype(np.uint8)).save(self.path(f"{index}.png"))
        normalised = ((pixels / 255 - 0.5) / 0.25).transpose(0, 3, 1, 2)
        of_tensor = predictions.predict_tensor(self.folder, normalised, "--init", self.weights)
        for index in range(5):
            of_file, _ = self.predict("--init", self.weights, self.path(f"{index}.png"))
            np.testing.assert_allclose(of_tensor[index:index + 1], of_file, rtol=1e-4, atol=1e-4)
        # Larger images of a periodic picture, of another shape: near the same, but not the same.
        wide = predictions.predict_tensor(self.folder, np.tile(normalised, (1, 1, 2, 3)), "--init", self.weights)
        self.assertEqual(wide.shape, (5, 7))
        self.assertFalse(np.allclose(wide, of_tensor, rtol=1e-4, atol=1e-4))
        dense = predictions.predict_tensor(self.folder, np.tile(normalised, (1, 1, 2, 3)), "--init", self.weights,
                                           "--protocol", "multi-scale")
        self.assertFalse(np.allclose(wide, dense, rtol=1e-4, atol=1e-4))

    # ---- ensembles

    def test_ensembles_are_the_members_mean(self):
        members = [self.predict("--init", weights, self.images)[0] for weights in self.checkpoints]
        together, content = self.predict("--init", ",".join(self.checkpoints), self.images)
        np.testing.assert_allclose(together, np.mean(members, axis=0), rtol=1e-5, atol=1e-6)
        self.assertEqual(len(content["weights"]), 2)
        averaged, content = self.predict("--init", self.checkpoints[0], "--init", self.checkpoints[1], "--model", MODEL,
                                         "--average", "probabilities", self.images)
        expected = np.mean([predictions.softmax(member) for member in members], axis=0)
        np.testing.assert_allclose(np.exp(averaged), expected, rtol=1e-4)
        np.testing.assert_allclose(content["top_k_probability"][:, 0], expected.max(axis=1), rtol=1e-4)
        self.assertFalse(np.allclose(expected, predictions.softmax(together), rtol=1e-3))

    # ---- what is wrong

    def test_damaged_images_are_named(self):
        shutil.copytree(self.images, self.path("images"))
        damaged = self.path("images", "cat", os.path.basename(self.files[12]))
        os.truncate(damaged, 60)
        self.require_failure(1, damaged + ": ", "--init", self.weights, self.path("images"))
        with open(damaged, "w") as file:
            file.write("no picture")
        self.require_failure(1, damaged + ": ", "--init", self.weights, damaged)
        os.mkdir(self.path("empty"))
        self.require_failure(1, "empty: no images", "--init", self.weights, self.path("empty"))

    def test_command_lines_that_cannot_be_run(self):
        weights = ["--init", self.weights]
        for text, *words in (
                ("--init: is missing", self.images), ("no SOURCE given", *weights),
                ("did you mean '--protocol'?", *weights, "--protocl", "centre", self.images),
                ("--protocol: unknown value 'tencrop'; did you mean 'ten-crop'?", *weights, "--protocol", "tencrop",
                 self.images),
                ("--test-resize: a shorter side of 15 has no crops of 16", *weights, "--test-resize", "15", self.images),
                ("--test-scales: goes with --protocol multi-scale", *weights, "--test-scales", "16", self.images),
                ("--test-crop: multi-scale tests crop nothing", *weights, "--protocol", "multi-scale", "--test-crop",
                 "16", self.images),
                ("--average: unknown value 'scores'", *weights, "--average", "scores", self.images),
                ("--model: unknown", *weights, "--model", "resnet5O", self.images),
                ("--model: 2 models for 1 files", *weights, "--model", "resnet50,resnet101", self.images),
                ("--tensor: takes the place of SOURCE", *weights, "--tensor", "x.h5", self.images)):
            with self.subTest(text):
                self.require_failure(2, text, *words)
        self.assertIn("Usage: resnext-predict", predictions.run("--help").out)

    def test_files_that_do_not_fit(self):
        with h5py.File(self.path("grey.h5"), "w") as file:
            file["images"] = np.zeros((2, 1, 16, 16), np.float32)
        with open(self.path("names"), "w") as file:
            file.write("ant\nbee\n")
        weights = ["--init", self.weights]
        for text, *words in (
                ("grey.h5: images is 2 x 1 x 16 x 16, not N x 3 x H x W", *weights, "--tensor", self.path("grey.h5")),
                ("images", *weights, "--tensor", self.weights),
                ("names: 2 names for the 7 classes of", *weights, "--class-names", self.path("names"), self.images),
                ("nowhere: no such file", *weights, self.path("nowhere")),
                ("nowhere.h5", "--init", self.path("nowhere.h5"), self.images),
                ("not the weights of resnext11_2x4d_cifar_w8", *weights, "--model", "resnext11_2x4d_cifar_w8",
                 self.images)):
            with self.subTest(text):
                self.require_failure(1, text, *words)
        finished = predictions.run(*weights, "--out", self.path("no", "y.h5"), self.images)
        self.assertEqual(finished.code, 1, finished)
        self.assertIn("'" + self.path("no") + "' is not an existing folder", finished.err)


if __name__ == "__main__":
    unittest.main()
