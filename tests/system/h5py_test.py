"""h5py reads shards, results and checkpoints with no help from us, as data/README.md and results/README.md say."""

import os
import re
import tempfile
import unittest
import zlib

import h5py
import numpy as np

import datasets
import programs
import run_files

SOURCE = os.environ["RESNEXT_SOURCE_DIR"]
STEPS = 6


def code_block(readme, containing):
    """The Python example in a README, as a reader would copy it."""
    with open(os.path.join(SOURCE, readme)) as file:
        blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
    return next(block for block in blocks if containing in block)


def run_in(folder, code):
    """Runs the code as a script in the folder; returns what it prints."""
    finished = programs.run(["/usr/bin/python3", "-c", code], cwd=folder)
    if finished.code != 0:
        raise AssertionError(str(finished))
    return finished.out


class ReadsWithH5py(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.train = datasets.pack_jpegs(cls.path(), 40, shards=2)
        cls.test = datasets.pack_jpegs(cls.path(), 15, "val", seed=1, shards=1)
        cls.grey = datasets.pack_idx(cls.path("grey"), 30)
        programs.train(2, ["--model", "resnext11_4x4d_cifar_w8", "--data", cls.train, "--val-data", cls.test,
                           "--augment", "imagenet", "--image-size", "16", "--replicas", "2", "--batch-per-replica", "8",
                           "--steps", str(STEPS), "--scale", "a test", "--out", cls.path("run.h5"),
                           "--checkpoint-dir", cls.path("checkpoints")])

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.folder.name, *names)

    def require_integers(self, attributes, names):
        for name in names:
            self.assertIsInstance(attributes[name], np.integer, name)

    def require_text(self, attributes, names):
        for name in names:
            self.assertIsInstance(attributes[name], (str, bytes), name)

    def require_dataset(self, file, name, dtype, shape):
        self.assertEqual(file[name].dtype, np.dtype(dtype), name)
        self.assertEqual(file[name].shape, shape, name)

    def test_encoded_shards(self):
        first = 0
        for index in range(2):
            with h5py.File(f"{self.train}-{index:05}-of-00002.h5", "r") as shard:
                count = int(shard.attrs["samples"])
                self.require_dataset(shard, "images/offsets", "uint64", (count + 1,))
                self.require_dataset(shard, "images/bytes", "uint8", (int(shard["images/offsets"][-1]),))
                self.require_dataset(shard, "labels", "int32", (count,))
                self.require_dataset(shard, "checksums", "uint32", (count,))
                self.require_text(shard.attrs, ["format", "set_name", "encoding", "identity"])
                self.require_integers(shard.attrs, ["format_version", "shard_index", "shard_count", "samples",
                                                    "first_sample", "total_samples", "index_checksum"])
                self.assertEqual(shard.attrs["first_sample"], first)
                self.assertEqual((shard.attrs["shard_index"], shard.attrs["shard_count"]), (index, 2))
                self.assertEqual([name.decode() for name in shard.attrs["class_names"]],
                                 [f"class{i:03}" for i in range(5)])
                index_bytes = b"".join(shard[name][()].tobytes() for name in ("labels", "checksums", "images/offsets"))
                self.assertEqual(shard.attrs["index_checksum"], zlib.crc32(index_bytes))
                first += count
        self.assertEqual(first, 40)

    def test_every_stored_jpeg_is_a_file_of_its_class(self):
        stored = set()
        for index in range(2):
            with h5py.File(f"{self.train}-{index:05}-of-00002.h5", "r") as shard:
                offsets = shard["images/offsets"][()]
                for i, label in enumerate(shard["labels"][()]):
                    stored.add((int(label), shard["images/bytes"][offsets[i]:offsets[i + 1]].tobytes()))
        files = set()
        for folder, _, names in os.walk(self.path("images-train")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    files.add((int(folder[-3:]), file.read()))
        self.assertEqual(len(files), 40)
        self.assertEqual(stored, files)

    def test_raw_shards(self):
        with h5py.File(self.grey + "-00000-of-00001.h5", "r") as shard:
            self.require_dataset(shard, "images/pixels", "uint8", (30, 16, 16, 1))
            self.require_integers(shard.attrs, ["height", "width", "channels"])
            with open(self.path("grey", "idx", "train-images-idx3-ubyte"), "rb") as file:
                self.assertEqual(shard["images/pixels"][()].tobytes(), file.read()[16:])

    def test_result_file(self):
        with h5py.File(self.path("run.h5"), "r") as run:
            self.require_text(run.attrs, ["format", "model", "dataset", "scale", "host", "device", "revision", "engine",
                                          "mpi", "data", "augment", "schedule"])
            self.require_integers(run.attrs, ["format_version", "replicas", "batch-per-replica", "seed", "ranks",
                                              "threads", "parameters", "total-steps"])
            self.assertEqual(run.attrs["format"], "resnext-result")
            self.assertEqual(run.attrs["scale"], "a test")
            self.assertEqual(run.attrs["ranks"], 2)
            self.assertIsInstance(run.attrs["learning-rate"], np.floating)
            units = {"step": "steps", "epoch": "epochs", "loss": "nats", "top1_error": "percent", "top5_error":
                     "percent", "learning_rate": "1", "images_per_second": "images/s", "data_wait": "1"}
            rows = {"train": STEPS, "validation": 2}  # at the end of the two epochs of three steps
            for group in rows:
                for name, series in run[group].items():
                    self.require_dataset(run, f"{group}/{name}", "uint64" if name == "step" else "float64",
                                         (rows[group],))
                    self.assertEqual(series.attrs["unit"], units[name])
            self.assertEqual(set(run["train"]), set(units) - {"top5_error"})
            self.assertEqual(set(run["validation"]), {"step", "epoch", "loss", "top1_error", "top5_error"})
            np.testing.assert_array_equal(run["train/step"], np.arange(1, STEPS + 1))
            self.assertTrue(run["summary"].attrs["finished"])
            self.assertEqual(run["summary"].attrs["training_loss"], run["train/loss"][-1])
            self.assertTrue(((run["train/data_wait"][()] >= 0) & (run["train/data_wait"][()] <= 1)).all())

    def test_checkpoint(self):
        path = run_files.checkpoints(self.path("checkpoints"))[-1]
        with h5py.File(path, "r") as file:
            self.assertEqual(file.attrs["format"], "resnext-checkpoint")
            self.require_integers(file.attrs, ["format_version", "step"])
            self.require_text(file.attrs, ["model", "experiment", "provenance"])
            self.assertEqual(file["parameters/layer1.0.conv2.weight"].ndim, 4)
            self.assertEqual(set(file["parameters"]), set(file["momentum"]))
            for name, tensor in file["parameters"].items():
                self.require_dataset(file, "parameters/" + name, "float32", tensor.shape)
                self.require_dataset(file, "momentum/" + name, "float32", tensor.shape)
            channels = file["parameters/layer1.0.bn1.weight"].shape
            self.require_dataset(file, "statistics/layer1.0.bn1.running_mean", "float32", channels)
            self.require_dataset(file, "statistics/layer1.0.bn1.running_var", "float32", channels)
        with open(path, "rb") as file:
            whole = file.read()
        body = whole[:-63]
        self.assertEqual(whole[-63:].decode(),
                         f"\nresnext checkpoint: bytes={len(body):020} crc32={zlib.crc32(body):08x}\n")

    def test_examples_in_the_documentation_run(self):
        out = run_in(self.path(), code_block("data/README.md", "shards/train-*.h5"))
        self.assertEqual(len(out.splitlines()), 40)
        code = code_block("results/README.md", "quickstart.h5").replace("results/quickstart.h5", "run.h5")
        self.assertIn("top-1 error", run_in(self.path(), code))
        name = os.path.basename(run_files.checkpoints(self.path("checkpoints"))[-1])
        code = code_block("results/README.md", "checkpoint-00005005.h5").replace("checkpoint-00005005.h5", name)
        self.assertIn("layer1.0.conv2.weight", run_in(self.path(), code))



if __name__ == "__main__":
    unittest.main()
