#!/usr/bin/python3
"""Redraws Figure 7 (error against parameters, by width and by cardinality) from results, over the paper's points.

Usage: plot_figure7.py FIGURE7.h5 [-o OUT.png]
"""
import sys

import figure_over_paper
from figure_over_paper import legend, paper_series
from table_results import COLOURS, PAPER, tidy


def draw_paper(axes):
    for series, line in (("width", "--"), ("cardinality", "-")):
        size, error = paper_series("fig7_points.csv", "params_M", "test_err_pct_from_figure", series=series)
        axes.plot(size, error, line, color=PAPER, marker="o", markersize=4, label=f"{series} (paper)")
    tidy(axes, "parameters (millions)", "CIFAR-10 test error (%)")


def label_of(table, name):
    """The paper's setting where it is the paper's network; else what its own name has of that kind."""
    if table.about["scale"] == "paper":
        return name
    return next((part for part in table.rows[name]["model"].split("_") if part[0].isdigit()), "baseline")


def draw_ours(axes, table, column):
    """Row names are the paper's settings, CxWd: with one path they differ in width, else in cardinality."""
    for number, (series, line) in enumerate((("width", "--"), ("cardinality", "-"))):
        points = []
        for name, row in table.rows.items():
            cell = table.cells[name][column]
            one_path = name.startswith("1x")
            if cell["n"] and (name == table.rows[name]["baseline"] or one_path == (series == "width")):
                points.append((row["parameters"] / 1e6, cell["mean"], cell["standard_error"] if cell["n"] > 1 else 0,
                               label_of(table, name)))
        if not points:
            continue
        size, mean, error, names = zip(*sorted(points))
        axes.errorbar(size, mean, error, linestyle=line, marker="o", capsize=3, color=COLOURS[number],
                      label=f"{series} ({table.about['scale']})")
        for x, y, name in zip(size, mean, names):
            axes.annotate(name, (x, y), textcoords="offset points", xytext=(5, 4), fontsize=7.5, color=COLOURS[number])
    tidy(axes, "parameters (millions)", table.columns[column]["title"])


def draw(table):
    """At the paper's scale in one panel; else side by side, for neither sizes nor errors are alike."""
    column = next(iter(table.columns))
    figure, every = figure_over_paper.panels(1 if table.about["scale"] == "paper" else 2, table)
    draw_paper(every[-1])
    draw_ours(every[0], table, column)
    for axes in every:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}" if axes is every[0] and len(every) > 1 else "")
        legend(axes)
    return figure


if __name__ == "__main__":
    sys.exit(figure_over_paper.main(__doc__.splitlines()[0], draw))
