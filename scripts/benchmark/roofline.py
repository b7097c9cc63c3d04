"""Draws each layer's attained GFLOP/s against its intensity, under what the machine can do.

    roofline.py LAYERS.json OUT.png      the output of: resnext-info MODEL --engine cpu --json
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

# Okabe and Ito's palette, and markers, so that passes are told apart in grey too.
STYLES = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P")]


class NoLayers(Exception):
    """What is wrong with the description of the layers, in one line."""


def read_layers(text):
    """{pass: (intensities in FLOP/byte, attained GFLOP/s)}, the peak in GFLOP/s and the memory's GB/s."""
    try:
        report = json.loads(text)
        by_pass = {}
        for layer in report["layers"]:
            if layer["seconds"] > 0 and layer["bytes"] > 0 and layer["gflop"] > 0:
                points = by_pass.setdefault(layer["pass"], ([], []))
                points[0].append(1e9 * layer["gflop"] / layer["bytes"])
                points[1].append(layer["gflop"] / layer["seconds"])
        peak, memory = float(report["peak_gflops"]), float(report["memory_gbps"])
    except (KeyError, TypeError, ValueError) as error:
        raise NoLayers(f"no table of layers for a roofline: {type(error).__name__} {error}") from error
    if not by_pass:
        raise NoLayers("no table of layers for a roofline: no layer in it was timed")
    return by_pass, peak, memory


def draw(by_pass, peak, memory, title, path):
    figure, axes = plt.subplots(figsize=(8, 5.5))
    all_intensities = [value for intensities, _ in by_pass.values() for value in intensities]
    span = np.geomspace(min(all_intensities) / 2, max([*all_intensities, peak / memory]) * 2, 200)
    axes.plot(span, np.minimum(peak, memory * span), color="black", linewidth=1.5,
              label=f"bound: {peak:.0f} GFLOP/s, {memory:.0f} GB/s")
    for (name, (intensities, attained)), (colour, marker) in zip(by_pass.items(), STYLES * len(by_pass)):
        axes.scatter(intensities, attained, s=22, color=colour, marker=marker, alpha=0.75, label=name, linewidths=0)
    axes.set(xscale="log", yscale="log", xlabel="FLOP for each byte moved", ylabel="GFLOP/s", title=title)
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main():
    layers, out = sys.argv[1:]
    try:
        by_pass, peak, memory = read_layers(pathlib.Path(layers).read_text())
    except (NoLayers, OSError) as error:
        sys.exit(f"roofline.py: error: {layers}: {error}")
    draw(by_pass, peak, memory, pathlib.Path(layers).stem, out)


if __name__ == "__main__":
    main()
