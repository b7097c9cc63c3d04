"""torchvision's networks at full size: five training steps through the worker, and logits through the predictor,
against what PyTorch computed (tests/golden/make_full_size_golden.py)."""

import os
import sys
import tempfile
import unittest

import h5py
import numpy as np

import datasets
import programs

GOLDEN = os.path.join(os.environ["RESNEXT_SOURCE_DIR"], "tests", "golden")
sys.path.insert(0, GOLDEN)
import formula_weights  # noqa: E402
import full_size_formula as formula  # noqa: E402

PREDICT = os.environ["RESNEXT_PREDICT"]
TOLERANCE = 1e-4
# Of what five steps changed in a tensor, beyond what rounding each new weight to single precision may do to it.
# Rounding decides which way ReLUs near zero go, in PyTorch as here, and the steps that follow amplify that.
CHANGE_TOLERANCE = 1e-1
ROUNDING = formula.STEPS * 2.0 ** -23


class Golden:
    def __init__(self, model):
        with h5py.File(os.path.join(GOLDEN, f"full_size_{model}.h5"), "r") as file:
            self.loss = file["loss"][()]
            self.first_logits, self.last_logits = file["logits/first"][()], file["logits/last"][()]
            self.tensors = {}
            for group in ("parameters", "statistics"):
                names, shapes = file[group]["names"].asstr()[()], file[group]["shapes"].asstr()[()]
                ends = np.cumsum(file[group]["lengths"][()])
                values = np.split(file[group]["values"][()], ends[:-1])
                shapes = [tuple(map(int, shape.split(","))) for shape in shapes]
                self.tensors[group] = list(zip(names, shapes, values, file[group]["largest"][()]))


def relative(actual, expected):
    return np.abs(actual - expected).max() / np.abs(expected).max()


class PyTorch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def write_initial_weights(self, golden):
        tensors = {name: formula.initial_values(name, shape) for name, shape, _, _ in golden.tensors["parameters"]}
        for name, shape, _, _ in golden.tensors["statistics"]:
            tensors[name] = np.full(shape, 0.0 if name.endswith("mean") else 1.0, dtype=np.float32)
        formula_weights.write_safetensors(self.path("first.safetensors"), tensors)
        self.first = tensors

    def logits(self, model, weights):
        images = formula.normalised(formula.pixels()[:4]).astype(np.float32)
        with h5py.File(self.path("images.h5"), "w") as file:
            file["images"] = images
        finished = programs.run([PREDICT, "--model", model, "--init", weights, "--tensor", self.path("images.h5"),
                                 "--out", self.path("logits.h5")])
        self.assertEqual(finished.code, 0, finished)
        with h5py.File(self.path("logits.h5"), "r") as file:
            return file["logits"][()]

    def train(self, model):
        pixels, labels = formula.pixels(), formula.labels()
        data = datasets.write_raw_shard(self.path("shards"), "train", pixels, labels,
                                        [f"class{i:04}" for i in range(formula.CLASSES)])
        programs.train(1, ["--model", model, "--data", data, "--init", self.path("first.safetensors"),
                           "--steps", formula.STEPS, "--shuffle", "off", "--augment", "none",
                           "--replicas", formula.REPLICAS, "--batch-per-replica", formula.BATCH_PER_REPLICA,
                           "--learning-rate", formula.LEARNING_RATE, "--momentum", formula.MOMENTUM,
                           "--weight-decay", formula.WEIGHT_DECAY, "--schedule", "constant", "--threads", "2",
                           "--mean", ",".join(map(str, formula.MEAN)),
                           "--deviation", ",".join(map(str, formula.DEVIATION)),
                           "--checkpoint-dir", self.path("checkpoints"), "--out", self.path("run.h5")], seconds=400)
        return self.path("checkpoints", sorted(os.listdir(self.path("checkpoints")))[-1])

    def compare(self, model):
        golden = Golden(model)
        self.write_initial_weights(golden)
        found = {"first logits": relative(self.logits(model, self.path("first.safetensors")), golden.first_logits)}
        checkpoint = self.train(model)
        with h5py.File(self.path("run.h5"), "r") as run:
            self.assertEqual(run["train/step"][-1], formula.STEPS)
            found["loss"] = relative(run["train/loss"][()], golden.loss)
        errors, changes, moved = {}, {}, {}
        with h5py.File(checkpoint, "r") as file:
            for group in ("parameters", "statistics"):
                for name, shape, expected, largest in golden.tensors[group]:
                    actual = file[group][name][()]
                    self.assertEqual(actual.shape, shape, name)
                    difference = np.abs(formula.kept(actual) - expected).max()
                    change = np.abs(expected - formula.kept(self.first[name])).max()
                    errors[name] = difference / largest
                    changes[name] = max(0.0, difference - ROUNDING * largest) / change
                    moved[name] = change / largest
        found["last logits"] = relative(self.logits(model, checkpoint), golden.last_logits)
        for what, of in (("tensor", errors), ("change", changes)):
            worst = max(of, key=of.get)
            print(f"{model}: worst {what} {of[worst]:.1e} ({worst})")
        print(f"{model}:", ", ".join(f"{what} {error:.1e}" for what, error in found.items()),
              f"; conv1 moved by {moved['conv1.weight']:.1e} of its largest weight")
        for what, error in {**found, **errors}.items():
            self.assertLess(error, TOLERANCE, what)
        for name, change in changes.items():
            self.assertLess(change, CHANGE_TOLERANCE, name)

    def test_resnet50(self):
        self.compare("resnet50")

    def test_resnext50_32x4d(self):
        self.compare("resnext50_32x4d")

    def test_resnext101_32x4d(self):
        self.compare("resnext101_32x4d")


if __name__ == "__main__":
    unittest.main()
