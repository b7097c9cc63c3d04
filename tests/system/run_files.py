"""Reads checkpoints and result files with h5py, and compares them bit for bit."""

import glob
import os

import h5py

TRAINING_SERIES = ("step", "epoch", "loss", "top1_error", "learning_rate")  # the others measure time
VALIDATION_SERIES = ("step", "epoch", "loss", "top1_error", "top5_error")


def checkpoints(folder):
    """Paths, oldest first."""
    return sorted(glob.glob(os.path.join(folder, "checkpoint-*.h5")))


def series(file, prefix=""):
    """The series of an open file that do not measure time, as bytes by name."""
    names = [f"train/{name}" for name in TRAINING_SERIES] + [f"validation/{name}" for name in VALIDATION_SERIES]
    names += [name for name in ("train/gradient_norm",) if prefix + name in file]
    return {name: file[prefix + name][()].tobytes() for name in names}


def read_checkpoint(path):
    """Every weight, momentum, running statistic, average and row of history, as bytes by name."""
    with h5py.File(path, "r") as file:
        state = {f"{group}/{name}": tensor[()].tobytes()
                 for group in ("parameters", "momentum", "statistics", "average", "average_statistics")
                 if group in file for name, tensor in file[group].items()}
        state["step"] = int(file.attrs["step"])
        state.update(series(file, "history/"))
    return state


def read_results(path):
    with h5py.File(path, "r") as file:
        return series(file)


def differing(one, other):
    """Names of what two reads do not have in common, bit for bit."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def newest_checkpoint(folder):
    return read_checkpoint(checkpoints(folder)[-1])
