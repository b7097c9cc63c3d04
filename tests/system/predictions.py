"""Runs resnext-predict, reads what it leaves with h5py, and says in NumPy what it should have left."""

import os

import h5py
import numpy as np

import programs

PREDICT = os.environ["RESNEXT_PREDICT"]


def run(*words):
    return programs.run([PREDICT, "--threads", "1", *words])


def predict(out, *words):
    """Logits, and all that is in the file: datasets and attributes by name."""
    finished = run("--out", out, *words)
    if finished.code != 0:
        raise AssertionError(str(finished))
    with h5py.File(out, "r") as file:
        content = {name: dataset[()] for name, dataset in file.items()}
        content.update(file.attrs)
    content["printed"], content["notes"] = finished.out, finished.err
    return content["logits"], content


def predict_tensor(folder, pixels, *words):
    """Logits of normalised images (N, C, H, W)."""
    path = os.path.join(folder, "tensor.h5")
    with h5py.File(path, "w") as file:
        file["images"] = pixels.astype(np.float32)
    return predict(os.path.join(folder, "of-tensor.h5"), "--tensor", path, *words)[0]


def softmax(logits):
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def best_classes(logits, k):
    """Of equal scores the lower index first."""
    return np.argsort(-logits.astype(np.float64), axis=-1, kind="stable")[..., :k]


def error(logits, labels, k):
    """Percent of images whose label is not among the k best."""
    return 100 * np.mean([label not in row for label, row in zip(labels, best_classes(logits, k))])


def restricted_error(logits, labels, classes, k):
    """The same among some classes alone."""
    classes = np.sort(classes)
    return error(logits[:, classes], np.searchsorted(classes, labels), k)


def loss(logits, labels):
    return -np.log(softmax(logits)[np.arange(len(labels)), labels]).mean()
