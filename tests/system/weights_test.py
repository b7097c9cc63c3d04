"""Weights go out as safetensors, come back as they were, and what is wrong with a file is one line."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

import datasets
import programs
import run_files

WEIGHTS = os.environ["RESNEXT_WEIGHTS"]
SOURCE = os.environ["RESNEXT_SOURCE_DIR"]
CONVERTER = os.path.join(SOURCE, "scripts", "pth_to_safetensors.py")
sys.path.insert(0, os.path.join(SOURCE, "tests", "golden"))
import formula_weights  # NumPy's reader and writer of safetensors

MODEL = "resnext11_4x4d_cifar_w8"


class ExchangeOfWeights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.class_folder.cleanup)
        cls.data = datasets.pack_idx(cls.class_folder.name, 60)
        cls.run_folder = os.path.join(cls.class_folder.name, "run")
        cls.train(cls.run_folder)
        cls.checkpoint = run_files.checkpoints(cls.run_folder)[-1]

    @classmethod
    def train(cls, name, *options):
        programs.train(2, ["--model", MODEL, "--data", cls.data, "--val-data", cls.data, "--replicas", "2",
                           "--batch-per-replica", "10", "--steps", "6", "--learning-rate", "0.1",
                           "--checkpoint-dir", name, "--out", name + ".h5", *options])

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.safetensors = self.path("w.safetensors")

    def path(self, name):
        return os.path.join(self.folder, name)

    def require_success(self, *words):
        finished = programs.run([WEIGHTS, *words])
        self.assertEqual((finished.code, finished.err), (0, ""), finished)
        return finished.out

    def require_failure(self, code, *words):
        """The one line of the error."""
        finished = programs.run([WEIGHTS, *words])
        self.assertEqual(finished.code, code, finished)
        self.assertEqual(len(finished.own_error_lines()), 1, finished)
        self.assertTrue(finished.err.startswith("resnext-weights: error: "), finished)
        return finished.err

    def evaluation_options(self, weights, *options):
        return ["--eval-only", "--model", MODEL, "--init", weights, "--val-data", self.data, "--replicas", "2",
                "--batch-per-replica", "10", "--out", self.path("evaluation.h5"), *options]

    def evaluate(self, weights, *options):
        """(loss, top-1 error) to the last bit."""
        programs.train(1, self.evaluation_options(weights, *options))
        return self.last_validation(self.path("evaluation.h5"))

    @staticmethod
    def last_validation(path):
        with h5py.File(path, "r") as file:
            return file["validation/loss"][-1], file["validation/top1_error"][-1]

    def rewrite(self, change):
        """Lets `change` edit the tensors of the exported file."""
        tensors, metadata = formula_weights.read_safetensors(self.safetensors)
        formula_weights.write_safetensors(self.safetensors, change(dict(tensors)) or tensors, metadata)

    def test_round_trip_evaluates_to_the_same_bits(self):
        out = self.require_success("export", self.checkpoint, self.safetensors)
        self.assertIn(f"{MODEL} with 5 classes, from {self.checkpoint} (checkpoint after 6 steps, weights)", out)
        expected = self.last_validation(self.run_folder + ".h5")
        self.assertEqual(self.evaluate(self.checkpoint), expected)
        self.assertEqual(self.evaluate(self.safetensors), expected)

    def test_exported_values_are_the_checkpoints(self):
        self.require_success("export", self.checkpoint, self.safetensors)
        tensors, metadata = formula_weights.read_safetensors(self.safetensors)
        self.assertEqual(metadata, {"format": "pt", "model": MODEL})
        self.assertEqual(list(tensors)[:3], ["conv1.weight", "bn1.weight", "bn1.bias"])
        with h5py.File(self.checkpoint, "r") as file:
            stored = {**file["parameters"], **file["statistics"]}
            self.assertEqual(set(tensors), set(stored))
            for name, tensor in stored.items():
                np.testing.assert_array_equal(tensors[name], tensor[()], name)

    def test_averaged_weights_are_what_is_exported(self):
        run = self.path("run")
        self.train(run, "--ema-decay", "0.5")
        checkpoint = run_files.checkpoints(run)[-1]
        self.assertIn("averaged weights", self.require_success("export", checkpoint, self.safetensors))
        expected = self.last_validation(run + ".h5")
        self.assertEqual(self.evaluate(self.safetensors), expected)
        self.assertEqual(self.evaluate(checkpoint), expected)
        tensors, _ = formula_weights.read_safetensors(self.safetensors)
        with h5py.File(checkpoint, "r") as file:
            self.assertFalse(np.array_equal(tensors["fc.weight"], file["parameters/fc.weight"]))
            np.testing.assert_array_equal(tensors["fc.weight"], file["average/fc.weight"])
            np.testing.assert_array_equal(tensors["bn1.running_var"], file["average_statistics/bn1.running_var"])

    def test_training_goes_on_from_safetensors_as_from_the_checkpoint(self):
        self.require_success("export", self.checkpoint, self.safetensors)
        states = []
        for weights in (self.checkpoint, self.safetensors):
            name = self.path("from-" + os.path.basename(weights))
            self.train(name, "--init", weights)
            states.append(run_files.newest_checkpoint(name))
        self.assertEqual(run_files.differing(*states), [])
        self.assertNotEqual(run_files.differing(states[0], run_files.newest_checkpoint(self.run_folder)), [])

    def test_other_types_and_prefix(self):
        self.require_success("export", self.checkpoint, self.safetensors)
        self.rewrite(lambda tensors: {"module." + name: value.astype("<f8") for name, value in tensors.items()})
        self.assertIn("conv1.weight                     F64", self.require_success("show", self.safetensors))
        self.assertEqual(self.evaluate(self.safetensors), self.last_validation(self.run_folder + ".h5"))

    def test_show(self):
        for file, kind in ((self.checkpoint, "checkpoint after 6 steps, weights"), (self.safetensors, "safetensors")):
            if file == self.safetensors:
                self.require_success("export", self.checkpoint, self.safetensors)
            lines = self.require_success("show", file).splitlines()
            self.assertIn("layer1.0.conv2.weight            F32   16x4x3x3", lines)
            with h5py.File(self.checkpoint, "r") as opened:
                sizes = [tensor.size for group in ("parameters", "statistics") for tensor in opened[group].values()]
            self.assertEqual(lines[-3:], [f"{kind}: {len(sizes)} tensors, {sum(sizes)} values", f"model: {MODEL}",
                                          f"fits: {MODEL}"])

    def test_a_model_that_the_file_does_not_name(self):
        self.require_success("export", self.checkpoint, self.safetensors)
        tensors, _ = formula_weights.read_safetensors(self.safetensors)
        formula_weights.write_safetensors(self.safetensors, tensors)
        again = self.path("again.safetensors")
        self.assertIn("give it with --model", self.require_failure(2, "export", self.safetensors, again))
        self.assertIn("--model: unknown model 'x'", self.require_failure(2, "export", self.safetensors, again,
                                                                         "--model", "x"))
        self.assertIn("not the weights of resnet50: conv1.weight is 8x1x3x3 there, 64x1x7x7 here",
                      self.require_failure(1, "export", self.safetensors, again, "--model", "resnet50"))
        self.assertFalse(os.path.exists(again))
        self.require_success("export", self.safetensors, again, "--model", MODEL)
        self.require_success("export", self.checkpoint, self.safetensors, "--force")
        with open(again, "rb") as one, open(self.safetensors, "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_nothing_is_overwritten_unasked(self):
        with open(self.safetensors, "w") as file:
            file.write("precious")
        self.assertIn("exists; --force replaces it",
                      self.require_failure(2, "export", self.checkpoint, self.safetensors))
        with open(self.safetensors) as file:
            self.assertEqual(file.read(), "precious")
        self.assertIn("would replace what it is made from",
                      self.require_failure(2, "export", self.checkpoint, self.checkpoint, "--force"))
        self.require_success("export", self.checkpoint, self.safetensors, "--force")
        self.assertEqual(os.listdir(self.folder), ["w.safetensors"])

    def test_usage(self):
        self.assertIn("resnext-weights show FILE", self.require_success("--help"))
        self.assertIn("no command", self.require_failure(2))
        self.assertIn("did you mean 'export'?", self.require_failure(2, "exprot", "a", "b"))
        self.assertIn("show takes one file", self.require_failure(2, "show"))
        self.assertIn("No such file", self.require_failure(1, "show", self.path("none")))

    def test_worker_says_what_is_wrong_with_a_file(self):
        self.require_success("export", self.checkpoint, self.safetensors)
        with open(self.safetensors, "r+b") as file:
            file.truncate(os.path.getsize(self.safetensors) - 1)
        finished = programs.run_worker(2, self.evaluation_options(self.safetensors))
        self.assertNotEqual(finished.code, 0, finished)
        self.assertEqual(len(finished.own_error_lines()), 1, finished)
        self.assertIn("w.safetensors: truncated: tensor 'fc.bias' ends at byte", finished.err)

    def test_other_classes_take_a_fresh_head(self):
        self.require_success("export", self.checkpoint, self.safetensors)
        ten = datasets.pack_idx(self.path("ten"), 40, classes=10)
        options = ["--model", MODEL, "--data", ten, "--replicas", "2", "--batch-per-replica", "10", "--steps", "1",
                   "--learning-rate", "1e-30", "--init", self.safetensors, "--checkpoint-dir", self.path("fresh")]
        finished = programs.run_worker(1, options)
        self.assertNotEqual(finished.code, 0, finished)
        self.assertEqual(len(finished.own_error_lines()), 1, finished)
        self.assertIn("the number of classes differs (file 5, this run 10): --init-skip fc would start the head afresh",
                      finished.err)
        programs.train(1, [*options, "--init-skip", "fc"])
        exported, _ = formula_weights.read_safetensors(self.safetensors)
        with h5py.File(run_files.checkpoints(self.path("fresh"))[-1], "r") as file:
            np.testing.assert_array_equal(file["parameters/conv1.weight"], exported["conv1.weight"])
            self.assertEqual(file["parameters/fc.weight"].shape[0], 10)
            self.assertGreater(np.abs(file["parameters/fc.weight"][()]).max(), 0.01)


class PyTorchFiles(unittest.TestCase):
    """scripts/pth_to_safetensors.py."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def convert(self, *options, **environment):
        return subprocess.run(["/usr/bin/python3", CONVERTER, self.path("w.pth"), self.path("w.safetensors"), *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env={**os.environ, **environment})

    def require_failure(self, text, *options, **environment):
        finished = self.convert(*options, **environment)
        self.assertEqual(finished.returncode, 1, finished.stderr)
        self.assertEqual(len(finished.stderr.splitlines()), 1, finished.stderr)
        self.assertTrue(finished.stderr.startswith("pth_to_safetensors.py: error: "), finished.stderr)
        self.assertIn(text, finished.stderr)
        self.assertFalse(os.path.exists(self.path("w.safetensors.partial")))

    def test_without_pytorch(self):
        os.mkdir(self.path("hidden"))
        with open(self.path("hidden/torch.py"), "w") as file:
            file.write("raise ImportError(\"No module named 'torch'\")\n")
        self.require_failure("PyTorch is not installed here (No module named 'torch')", PYTHONPATH=self.path("hidden"))

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_with_pytorch(self):
        import torch
        state = {"conv1.weight": torch.arange(24.0).reshape(2, 3, 4)[:, 1], "half": torch.tensor([1 / 3]).half(),
                 "bfloat": torch.tensor([1 / 3, -2.0]).bfloat16(), "double": torch.tensor([0.1], dtype=torch.float64),
                 "bn1.num_batches_tracked": torch.tensor(5)}
        wrapped = {"module." + name: tensor for name, tensor in state.items()}
        ema = {"n_averaged": torch.tensor(3), **wrapped}
        for content, options in ((state, []), ({"state_dict": wrapped, "epoch": 90}, []),
                                 ({"model": {"x": torch.ones(1)}, "model_ema": ema}, ["--key", "model_ema"])):
            torch.save(content, self.path("w.pth"))
            finished = self.convert("--force", *options)
            self.assertEqual((finished.returncode, finished.stderr), (0, ""))
            tensors, metadata = self.read_with_bfloat16(self.path("w.safetensors"))
            self.assertEqual(metadata, {"format": "pt"})
            self.assertEqual(list(tensors), list(state))
            for name, tensor in state.items():
                np.testing.assert_array_equal(tensors[name], tensor.float().numpy() if name == "bfloat"
                                              else tensor.numpy(), name)
        self.require_failure("exists; --force replaces it")
        self.require_failure("has no dictionary 'ema'", "--force", "--key", "ema")
        torch.save([1], self.path("w.pth"))
        self.require_failure("holds a list, not a state_dict", "--force")
        torch.save({"a": torch.ones(1), "epoch": 3}, self.path("w.pth"))
        self.require_failure("'epoch' is a int, not a tensor", "--force")
        torch.save({"model": state, "arguments": unittest.TestCase()}, self.path("w.pth"))
        self.require_failure("use --trust", "--force")
        self.assertEqual(self.convert("--force", "--trust").returncode, 0)
        with open(self.path("w.pth"), "wb") as file:
            file.write(b"nothing of the kind")
        self.require_failure("w.pth: cannot be loaded", "--force")
        os.unlink(self.path("w.pth"))
        self.require_failure("No such file", "--force")

    @staticmethod
    def read_with_bfloat16(path):
        """read_safetensors with BF16 widened to float32, for NumPy has no such type."""
        formula_weights.LITTLE_ENDIAN["BF16"] = "<u2"
        tensors, metadata = formula_weights.read_safetensors(path)
        tensors["bfloat"] = (tensors["bfloat"].astype("<u4") << 16).view("<f4")
        return tensors, metadata


if __name__ == "__main__":
    unittest.main()
