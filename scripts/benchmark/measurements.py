"""What can be measured of networks: each is a description that can be compared, and run() takes one sample of it.

A sample is a dictionary of lists of numbers, each a raw reading. Rows that ask for an equal measurement share
its samples. What cannot be measured throws running.NotMeasured.
"""

import dataclasses
import json
import pathlib
import tempfile

import h5py

import image_sets
import running

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Network:
    """What is computed: a network, its input and the batch of one replica."""
    model: str
    batch: int
    precision: str
    image_size: int = 224
    channels: int = 3
    classes: int = 1000

    @classmethod
    def of(cls, row, model=None):
        own = {name: row[name] for name in ("image_size", "channels", "classes") if row.get(name, None) is not None}
        return cls(model or row["model"], row["batch"], row.get("precision", "fp32"), **own)


def worker_options(network, folder, steps, replicas=1, data=None, augment="none"):
    """Options of the worker for a measured training; usually one epoch of random images."""
    data = data or image_sets.random_images(folder, network.image_size, network.channels, network.classes,
                                            replicas * network.batch * steps)
    return ["--model", network.model, "--data", data, "--augment", augment, "--batch-per-replica", network.batch,
            "--replicas", replicas, "--precision", network.precision, "--steps", steps, "--learning-rate", "0.001", "--schedule", "constant",
            "--validate-every", 0, "--device", "cpu"]


def launch(ranks, threads, options, seconds=600):
    return running.run([running.path_of("resnext-launch"), "-n", ranks, "--threads", threads, "--", *options], seconds)


@dataclasses.dataclass(frozen=True)
class Training:
    """Ours: whole training steps through the launcher, images from a shard."""
    network: Network
    steps: int
    ranks: int
    threads: int  # of each rank
    replicas: int = 0  # of all ranks; 0: one a rank

    def run(self, folder):
        replicas = self.replicas or self.ranks
        with tempfile.TemporaryDirectory(dir=folder) as own:
            out = f"{own}/run.h5"
            ended = launch(self.ranks, self.threads, [*worker_options(self.network, folder, self.steps + 1, replicas),
                                                      "--out", out])
            with h5py.File(out) as run:
                rates = run["train/images_per_second"][1:]
                forward = 2.0 * int(run.attrs["multiply-adds"])
                parameters = int(run.attrs["parameters"])
        images = replicas * self.network.batch
        return {"seconds": [images / float(rate) for rate in rates], "images": [images], "forward_flop": [forward],
                "parameters": [parameters], "peak_bytes": [ended.peak_bytes]}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Ours: evaluation of a shard of images, batch by batch."""
    network: Network
    batches: int
    threads: int

    def run(self, folder):
        network = self.network
        weights = self.initial_weights(folder)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            out = f"{own}/run.h5"
            data = image_sets.random_images(folder, network.image_size, network.channels, network.classes,
                                          self.batches * network.batch)
            launch(1, self.threads, ["--eval-only", "--init", weights, "--model", network.model, "--val-data", data,
                                     "--batch-per-replica", network.batch, "--precision", network.precision,
                                     "--test-crop", network.image_size, "--test-resize", network.image_size,
                                     "--device", "cpu", "--out", out])
            with h5py.File(out) as run:
                rate = float(run["summary"].attrs["validation_images_per_second"])
                forward = 2.0 * int(run.attrs["multiply-adds"])
                parameters = int(run.attrs["parameters"])
        return {"seconds": [network.batch / rate], "images": [network.batch], "forward_flop": [forward],
                "parameters": [parameters]}

    def initial_weights(self, folder):
        """A checkpoint after one step."""
        checkpoints = pathlib.Path(folder, "weights", self.network.model)
        if not checkpoints.exists():
            few = dataclasses.replace(self.network, batch=2, precision="fp32")
            launch(1, self.threads, [*worker_options(few, folder, 1), "--checkpoint-dir", checkpoints])
        return next(checkpoints.glob("*.h5"))


@dataclasses.dataclass(frozen=True)
class PyTorch:
    """Theirs: the same network, batch and threads, on random images already in memory."""
    python: str
    network: Network
    mode: str  # training or evaluation
    layout: str  # contiguous or channels_last
    steps: int
    threads: int

    LIMIT = 60.0  # seconds for the timed steps
    PATIENCE = 240  # for all

    def run(self, folder):
        settings = dataclasses.asdict(self.network) | {"mode": self.mode, "layout": self.layout, "steps": self.steps,
                                                       "threads": self.threads, "limit": self.LIMIT}
        ended = running.run([self.python, HERE / "pytorch_side.py", json.dumps(settings)], self.PATIENCE)
        report = json.loads(ended.out)
        return {"seconds": report["seconds"], "images": [self.network.batch], "parameters": [report["parameters"]],
                "peak_bytes": [report["peak_bytes"]]}
