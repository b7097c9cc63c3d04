#!/usr/bin/python3
"""Plots the training and validation curves of a result file (schema: results/README.md).

Usage: plot_training.py FILE.h5 [-o OUT.png]
"""
import argparse
import pathlib
import sys

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

# Okabe and Ito's palette: told apart with any colour vision, and in grey by lightness.
TRAINING = "#0072B2"
VALIDATION = "#D55E00"


class PlotError(Exception):
    """What is wrong with the file, in one line."""


def read_run(path):
    """Returns (attributes, training series, validation series) as dictionaries."""
    if not path.is_file():
        raise PlotError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            groups = []
            for group, names in (("train", ("epoch", "loss", "top1_error")),
                                 ("validation", ("epoch", "loss", "top1_error", "top5_error"))):
                for name in names:
                    if f"{group}/{name}" not in file:
                        raise PlotError(f"{path}: not a result file: it has no /{group}/{name}")
                groups.append({name: file[f"{group}/{name}"][:] for name in names})
            return dict(file.attrs), groups[0], groups[1]
    except OSError as error:
        raise PlotError(f"{path}: cannot be read as HDF5: {error}") from error


def running_mean(values, window):
    """The mean of the `window` values around each, of fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first = np.maximum(index - window // 2, 0)
    last = np.minimum(index + (window + 1) // 2, len(values))
    return (sums[last] - sums[first]) / (last - first)


def draw(axes, training, validation, name, label):
    """One panel: the training series pale and smoothed, the validation series with markers."""
    epoch, values = training["epoch"], training[name]
    window = max(1, len(values) // 50)
    if len(values) > 1:
        axes.plot(epoch, values, color=TRAINING, alpha=0.22, linewidth=0.6)
        axes.plot(epoch, running_mean(values, window), color=TRAINING, linewidth=1.8,
                  label=f"training (mean of {window} steps)" if window > 1 else "training")
        # A few wild first steps, or a run that diverged, must not flatten everything else.
        shown = np.concatenate([values, validation[name]])
        shown = shown[np.isfinite(shown)]
        if len(shown) and shown.max() > 0:
            usual = np.percentile(shown, 99.5)
            axes.set_ylim(0, 1.08 * max(usual, np.nanmax(validation[name], initial=0)))
    if len(validation[name]):
        axes.plot(validation["epoch"], validation[name], color=VALIDATION, linewidth=1.8,
                  marker="o", markersize=4 if len(validation[name]) < 60 else 0,
                  label="validation", zorder=3)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.set_xlim(left=0)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def final_error(validation):
    """The last validation error in words, or nothing before the first evaluation."""
    if not len(validation["top1_error"]):
        return ""
    return (f"final validation error: {validation['top1_error'][-1]:.2f}% top-1, "
            f"{validation['top5_error'][-1]:.2f}% top-5")


def short_count(number):
    """91354 as 91k, 25028904 as 25.0M, 4.2e9 as 4.2G."""
    for size, suffix in ((1e9, "G"), (1e6, "M")):
        if number >= size:
            return f"{number / size:.1f}{suffix}"
    return f"{number / 1e3:.0f}k" if number >= 10000 else str(number)


def heading(attributes):
    """Model and dataset, the latter without its folder."""
    names = [str(attributes[name]).rstrip("/").rsplit("/", 1)[-1]
             for name in ("model", "dataset") if attributes.get(name)]
    return " on ".join(names) or "training"


def scale(attributes, training):
    """The scale of the run in one line, of what the file tells."""
    parts = [str(attributes["scale"])] if attributes.get("scale") else []
    if "parameters" in attributes:
        parts.append(f"{short_count(attributes['parameters'])} parameters")
    if "dataset-size" in attributes:
        images = f"{attributes['dataset-size']:,} images"
        size = attributes.get("image-size")
        parts.append(f"{images} of {size}x{size}" if size else images)
    if len(training["epoch"]):
        parts.append(f"{training['epoch'][-1]:.3g} epochs")
    if "replicas" in attributes and "batch-per-replica" in attributes:
        parts.append(f"{attributes['replicas']} replicas of {attributes['batch-per-replica']}")
    if "precision" in attributes:
        parts.append(str(attributes["precision"]))
    return ", ".join(parts)


def plot(path, out):
    attributes, training, validation = read_run(path)
    if len(training["loss"]) < 2 and not len(validation["loss"]):
        raise PlotError(f"{path}: nothing to plot yet: fewer than two steps")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), dpi=150)
    draw(left, training, validation, "loss", "loss (cross-entropy, nats)")
    draw(right, training, validation, "top1_error", "top-1 error (%)")
    figure.suptitle(heading(attributes), x=0.06, y=0.975, ha="left", fontsize=14, fontweight="bold")
    figure.text(0.06, 0.885, scale(attributes, training), ha="left", fontsize=9.5, color="0.35")
    figure.text(0.985, 0.885, final_error(validation), ha="right", fontsize=10.5, color=VALIDATION,
                fontweight="bold")
    for axes in (left, right):
        axes.legend(frameon=False, loc="upper right", fontsize=9.5)
    figure.subplots_adjust(left=0.06, right=0.985, top=0.85, bottom=0.12, wspace=0.18)
    try:
        figure.savefig(out)
    except (OSError, ValueError) as error:
        raise PlotError(f"{out}: cannot be written: {error}") from error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, metavar="FILE.h5")
    parser.add_argument("-o", "--out", type=pathlib.Path, metavar="OUT.png",
                        help="default: FILE.png beside it")
    arguments = parser.parse_args()
    out = arguments.out or arguments.file.with_suffix(".png")
    try:
        plot(arguments.file, out)
    except PlotError as error:
        print(f"plot_training.py: error: {error}", file=sys.stderr)
        return 1
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
