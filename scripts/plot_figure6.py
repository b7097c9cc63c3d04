#!/usr/bin/python3
"""Redraws Figure 6 (1K-way error of networks trained on 5,000 classes) from results, over the paper's curves.

Usage: plot_figure6.py FIGURE6.h5 [-o OUT.png]
"""
import sys

import figure_over_paper
from figure_over_paper import as_shares, legend, paper_series
from table_results import COLOURS, PAPER, tidy


def series_of(table):
    """The 1K-way series, where the scale has fewer test classes than the network."""
    return "validation/restricted_top1_error" if "1k-top1" in table.columns else "validation/top1_error"


def draw(table):
    figure, (axes,) = figure_over_paper.panels(1, table)
    for number, (name, row) in enumerate(table.rows.items()):
        batches, errors = paper_series("fig6_curves.csv", "minibatches", "top1_err_1kway", model=row["title"])
        axes.plot(as_shares(batches), errors, color=(PAPER, "0.75")[number % 2], linewidth=1.0,
                  label=f"{row['title']} (paper)")
        epochs, mean, deviation, seeds = table.mean_series(name, series_of(table))
        if not seeds:
            continue
        shares = as_shares(epochs)
        axes.plot(shares, mean, color=COLOURS[number], marker="o", markersize=3,
                  label=f"{row['title']} ({table.about['scale']}, n = {seeds})")
        axes.fill_between(shares, mean - deviation, mean + deviation, color=COLOURS[number], alpha=0.15, linewidth=0)
    one_k = "1k-top1" in table.columns
    tidy(axes, "share of the mini-batches done", "1K-way top-1 error (%)" if one_k else "top-1 error (%)")
    axes.set_xlim(0, 1.01)
    legend(axes)
    return figure


if __name__ == "__main__":
    sys.exit(figure_over_paper.main(__doc__.splitlines()[0], draw))
