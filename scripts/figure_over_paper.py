"""What the scripts that redraw the paper's figures share: the paper's digitised curves, and our results laid over them."""
import argparse
import csv
import pathlib
import sys
import textwrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import table_results

PAPER_FOLDER = pathlib.Path(__file__).resolve().parent.parent / "ablations" / "paper"


def paper_rows(name):
    """The rows of a digitised figure as dictionaries."""
    path = PAPER_FOLDER / name
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise table_results.ResultError(f"{path}: the paper's curve is not there: {error.strerror}") from error


def paper_series(name, x, y, **selected):
    """(x values, y values) of the rows whose columns have the selected values."""
    rows = [row for row in paper_rows(name) if all(row[key] == value for key, value in selected.items())]
    return [float(row[x]) for row in rows], [float(row[y]) for row in rows]


def as_shares(values):
    """Of the last value: runs of different lengths in one picture."""
    last = max(values, default=1) or 1
    return [value / last for value in values]


def panels(count, table):
    """A figure with that many panels, whose heading says what is ours, what the paper's, and the scale."""
    figure, axes = plt.subplots(1, count, figsize=(6.2 * count, 4.8), dpi=150, squeeze=False)
    figure.suptitle(table.about["title"], x=0.02, y=0.985, ha="left", fontsize=13, fontweight="bold")
    ours = textwrap.fill(f"colours: measured, {table.scale_label()}", 100 * count)
    figure.text(0.02, 0.925, f"{ours}\ngrey: the paper, {table.about['paper_scale']}", ha="left", va="top", fontsize=8,
                color="0.35")
    figure.subplots_adjust(left=0.6 / 6.2 / count, right=0.97, top=0.8, bottom=0.12, wspace=0.2)
    return figure, axes[0]


def legend(axes):
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def main(description, draw):
    """Reads the command line, draws the table, and writes the picture. Returns the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("file", type=pathlib.Path, metavar="TABLE.h5")
    parser.add_argument("-o", "--out", type=pathlib.Path, metavar="OUT.png", help="default: TABLE.png beside it")
    arguments = parser.parse_args()
    out = arguments.out or arguments.file.with_suffix(".png")
    try:
        draw(table_results.Table(arguments.file)).savefig(out)
    except (table_results.ResultError, OSError, ValueError) as error:
        print(f"{pathlib.Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        return 1
    print(out)
    return 0
