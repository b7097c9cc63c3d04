"""The result file of a benchmark: README.md has the schema."""

import os

import h5py
import numpy as np

from arithmetic import median


def write(path, attributes, results, samples):
    """`results`: (row, figures or reason) pairs; `samples`: by measurement, those of each round, or the reason."""
    partial = f"{path}.partial"
    with h5py.File(partial, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "resnext-benchmark", 1
        for name, value in attributes.items():
            file.attrs[name] = value
        for row, figures in results:
            _write_row(file.create_group(f"rows/{row.name}"), row, figures)
        for number, (measurement, rounds) in enumerate(samples.items()):
            _write_samples(file.create_group(f"samples/{number:03}"), measurement, rounds)
    os.replace(partial, path)


def _write_row(group, row, figures):
    group.attrs["title"], group.attrs["kind"] = row.title, row.kind
    for name in ("at_least", "at_most", "mfu_at_least"):
        if getattr(row, name) is not None:
            group.attrs[name] = getattr(row, name)
    if isinstance(figures, Exception):
        group.attrs["not_measured"] = str(figures)
        return
    group.attrs["unit"] = figures.unit
    for name in ("ours", "theirs", "ratio", "mfu"):
        values = getattr(figures, name)
        if values:
            group[name] = np.array(values)
            group.attrs[f"median_{name}"] = median(values)
    if figures.theirs_missing:
        group.attrs["theirs_not_measured"] = figures.theirs_missing
    if figures.ratio:
        met = row.is_met(median(figures.ratio), median(figures.mfu))
        if met is not None:
            group.attrs["met"] = met


def _write_samples(group, measurement, rounds):
    group.attrs["measurement"] = str(measurement)
    for number, sample in enumerate(rounds):
        if isinstance(sample, Exception):
            group.attrs[f"not_measured_{number}"] = str(sample)
            continue
        for name, values in sample.items():
            group[f"round{number}/{name}"] = np.array(values, dtype=np.float64)
