"""What is measured of whole runs: their start, and their checkpoints."""

import dataclasses
import statistics
import subprocess
import tempfile
import time

import h5py

import image_sets
import running
from measurements import Network, launch, worker_options


@dataclasses.dataclass(frozen=True)
class Start:
    """From the command to the end of its first step, and an ordinary step."""
    network: Network
    shards: int
    threads: int

    def run(self, folder):
        data = image_sets.many_shards(folder, self.shards)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            options = [*worker_options(self.network, folder, 3, 1, data, "imagenet"), "--log-every", 0,
                       "--progress", "plain", "--out", f"{own}/run.h5"]
            first = _seconds_to_first_line([running.path_of("resnext-launch"), "-n", 1, "--threads", self.threads, "--",
                                            *options], "epoch")
            with h5py.File(f"{own}/run.h5") as run:
                later = [self.network.batch / float(rate) for rate in run["train/images_per_second"][1:]]
        return {"to_first_step_done": [first], "seconds": later, "before_first_step": [first - statistics.median(later)]}


def _seconds_to_first_line(command, beginning):
    """From the start of a command to the first line of that beginning; it is let run to its end."""
    start, seen = time.monotonic(), None
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=running.environment()) as process:
        for line in process.stdout:
            if seen is None and line.startswith(beginning):
                seen = time.monotonic() - start
        error = process.stderr.read()
    if process.returncode != 0 or seen is None:
        raise running.NotMeasured(error.strip().splitlines()[-1] if error.strip() else "it printed no step")
    return seen


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Training with a checkpoint after every step: how long the loop stood still for each, and the steps beside."""
    network: Network
    steps: int
    threads: int

    def run(self, folder):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            out = f"{own}/run.h5"
            launch(1, self.threads, [*worker_options(self.network, folder, self.steps + 1), "--out", out,
                                     "--checkpoint-dir", f"{own}/checkpoints", "--checkpoint-every", 2])
            with h5py.File(out) as run:
                seconds = [self.network.batch / float(rate) for rate in run["train/images_per_second"][1:]]
                summary = run["summary"].attrs
                stall = float(summary["checkpoint_stall_seconds"]) / int(summary["checkpoints"])
        return {"stall": [stall], "seconds": seconds}
