#!/usr/bin/python3
"""Redraws Figure 5 (training curves of ResNet and ResNeXt) from results, over the paper's curves.

Usage: plot_figure5.py FIGURE5.h5 [-o OUT.png]
"""
import sys

import figure_over_paper
from figure_over_paper import as_shares, legend, paper_series
from table_results import COLOURS, PAPER, smoothed, tidy


def draw_paper(axes, title, style):
    for split, line in (("val", "-"), ("train", "--")):
        epochs, errors = paper_series("fig5_curves.csv", "epoch", "top1_err", model=title, split=split)
        axes.plot(as_shares(epochs), errors, line, color=style, linewidth=1.0,
                  label=f"{title} (paper)" if split == "val" else None)


def draw_ours(axes, table, row, colour):
    epochs, mean, deviation, seeds = table.mean_series(row, "validation/top1_error")
    if not seeds:
        return
    shares = as_shares(epochs)
    axes.plot(shares, mean, "-", color=colour, marker="o", markersize=3,
              label=f"{table.rows[row]['title']} ({table.about['scale']}, n = {seeds})")
    axes.fill_between(shares, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0)
    epochs, mean, _, _ = table.mean_series(row, "train/top1_error")
    axes.plot(as_shares(epochs), smoothed(mean, max(1, len(mean) // 40)), "--", color=colour, linewidth=0.9)


def draw(table):
    """A panel for each depth: the rows that are compared with one baseline."""
    pairs = {}
    for name, row in table.rows.items():
        pairs.setdefault(row["baseline"], []).append(name)
    figure, every = figure_over_paper.panels(len(pairs), table)
    for axes, rows in zip(every, pairs.values()):
        for number, row in enumerate(rows):
            draw_paper(axes, table.rows[row]["title"], (PAPER, "0.75")[number % 2])
            draw_ours(axes, table, row, COLOURS[number])
        tidy(axes, "share of the training done", "top-1 error (%): validation solid, training dashed")
        axes.set_xlim(0, 1.01)
        legend(axes)
    return figure


if __name__ == "__main__":
    sys.exit(figure_over_paper.main(__doc__.splitlines()[0], draw))
