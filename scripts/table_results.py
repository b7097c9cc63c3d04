"""Reads a table's results (TABLE.h5 of resnext-sweep; schema: results/README.md), and draws what several pages share."""
import json
import pathlib

import h5py
import numpy as np

# Okabe and Ito's palette: told apart with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#999999", "#7F3C8D"]
PAPER = "0.55"  # the paper's own curves: grey, below ours


class ResultError(Exception):
    """What is wrong with a file, in one line."""


def _plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def attributes(node):
    return {name: _plain(value) for name, value in node.attrs.items()}


class Table:
    """What TABLE.h5 says. `rows`, `columns` and `runs` are dictionaries of attributes in the table's order."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        if not self.path.is_file():
            raise ResultError(f"{path}: no such file")
        try:
            with h5py.File(path, "r") as file:
                self._read(file)
        except (OSError, KeyError) as error:
            raise ResultError(f"{path}: not a table of resnext-sweep: {error}") from error

    def _read(self, file):
        self.about = attributes(file)
        if self.about.get("format") != "resnext-table":
            raise KeyError("its format is not 'resnext-table'")
        self.columns = {name: attributes(file["columns"][name]) for name in self.about["columns"]}
        self.rows = {name: attributes(file["rows"][name]) for name in self.about["rows"]}
        self.cells = {row: {column: self._cell(file["rows"][row][column]) for column in self.columns}
                      for row in self.rows}
        self.claims = [attributes(claim) for claim in file["claims"].values()]
        self.environment = attributes(file["environment"])
        self.runs = {}
        for name in self.about["runs"]:
            run = attributes(file["runs"][name])
            run["fingerprint"] = json.loads(run["fingerprint"])
            link = file["runs"][name].get("result", getlink=True)
            run["result"] = self.path.parent / link.filename if isinstance(link, h5py.ExternalLink) else None
            self.runs[name] = run

    @staticmethod
    def _cell(group):
        return {"decimals": 2, **attributes(group), "seeds": group["seeds"][:].tolist(), "values": group["values"][:].tolist()}

    def finished_runs(self, row, data=""):
        return [run for run in self.runs.values()
                if run["row"] == row and run["data"] == data and run["state"] == "finished" and run["result"]]

    def series(self, run, name):
        """(epochs, values) of a series such as "validation/top1_error"; nothing where the result is gone."""
        try:
            with h5py.File(run["result"], "r") as file:
                return file[name.split("/")[0] + "/epoch"][:], file[name][:]
        except (OSError, KeyError):
            return np.array([]), np.array([])

    def mean_series(self, row, name, data=""):
        """(epochs, mean, sample deviation, seeds) over the finished runs of a row, where they have the same epochs."""
        every = [self.series(run, name) for run in self.finished_runs(row, data)]
        every = [(epochs, values) for epochs, values in every if len(epochs) and len(epochs) == len(every[0][0])]
        if not every:
            return np.array([]), np.array([]), np.array([]), 0
        values = np.stack([values for _, values in every])
        deviation = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
        return every[0][0], values.mean(axis=0), deviation, len(values)

    def scale_label(self):
        """What every picture says of itself."""
        text = f"scale: {self.about['scale']} ({self.about['scale_title']})"
        return text if self.about["complete"] else text + " - INCOMPLETE"


def smoothed(values, window):
    """Means of `window` values around each; of fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first, last = np.maximum(index - window // 2, 0), np.minimum(index + (window + 1) // 2, len(values))
    return (sums[last] - sums[first]) / (last - first)


def tidy(axes, x, y):
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_error_curves(axes, table, rows, validation="validation/top1_error", training="train/top1_error", data=""):
    """Ours: validation error in solid lines with a band of the seeds' deviation, training error dashed."""
    for colour, row in zip(COLOURS * 3, rows):
        epochs, mean, deviation, seeds = table.mean_series(row, validation, data)
        if not seeds:
            continue
        label = f"{table.rows[row]['title']} ({table.about['scale']}, n = {seeds})"
        axes.plot(epochs, mean, color=colour, linewidth=1.8, marker="o" if len(epochs) < 30 else "", markersize=3,
                  label=label)
        axes.fill_between(epochs, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)
        if training:
            epochs, mean, _, _ = table.mean_series(row, training, data)
            axes.plot(epochs, smoothed(mean, max(1, len(mean) // 40)), color=colour, linewidth=0.9, linestyle="--",
                      alpha=0.8)
