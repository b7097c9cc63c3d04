#!/usr/bin/python3
"""Makes one self-contained HTML page of a table's results: numbers, curves, cost, configuration, environment.

Usage: report_table.py TABLE.h5 [-o TABLE.html]
"""
import argparse
import html
import io
import math
import pathlib
import sys

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import table_results
from table_results import COLOURS, ResultError, attributes, draw_error_curves, tidy

STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 1180px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; } th, td { padding: .3em .7em; border-bottom: 1px solid #ddd; }
th { text-align: left; vertical-align: bottom; } th.number, td.number { text-align: right; }
td.number, code { white-space: nowrap; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th.ours, td.ours { background: #eaf3fa; } th.paper, td.paper { background: #f3f3f3; }
.scale { background: #ffe9b8; padding: .1em .5em; border-radius: 4px; } .warning { color: #a30000; font-weight: bold; }
figure { margin: 1.5em 0; } figure svg { max-width: 100%; height: auto; } figcaption { color: #555; }
code, pre { font-size: 13px; } pre { background: #f7f7f7; padding: .7em; overflow-x: auto; }
"""
TIMES = ((3600, "hours"), (60, "minutes"), (1, "seconds"))
COUNTS = ((1e6, "millions"), (1e3, "thousands"))


def text(value):
    return html.escape(str(value))


def count(number):
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2f} {suffix}"
    return str(number)


def unit_of(largest, units):
    """(size, name) of the largest unit that is not above the number; of the smallest unit below all."""
    return next((unit for unit in units if largest >= unit[0]), units[-1])


def against(table, row, name):
    """The cost, with how far it is from the baseline's in percent."""
    value, base = table.rows[row][name], table.rows.get(table.rows[row]["baseline"], {}).get(name)
    if base is None or table.rows[row]["baseline"] == row:
        return count(value)
    return f"{count(value)}<br>({100 * (value - base) / base:+.1f}%)"


def breakable(model):
    """A network's name, which may go on in the next line after an underscore."""
    return "_<wbr>".join(f"<code>{part}</code>" for part in text(model).split("_"))


def measured(cell):
    if not cell["n"]:
        return '<span class="warning">missing</span>'
    digits = cell["decimals"]
    error = f" &plusmn; {cell['standard_error']:.{digits}f}" if cell["n"] > 1 else ""
    return f"{cell['mean']:.{digits}f}{error}"


def compared(cell):
    if "p" not in cell:
        return ""
    p = "p &lt; 0.001" if cell["p"] < 0.001 else f"p = {cell['p']:.3f}"
    return f"{cell['difference']:+.{cell['decimals']}f}, {p}"


def has_paper(table):
    return bool(table.about["paper_scale"])


def as_printed(number):
    """The paper's numbers have one decimal, or two."""
    return f"{number:.1f}" if abs(10 * number - round(10 * number)) < 1e-6 else f"{number:.2f}"


def number_cell(row, column, cell):
    """The mean in full stands in an attribute, for programs that check the page."""
    return (f'<td class="number ours" data-row="{text(row)}" data-column="{text(column)}" data-mean="{cell["mean"]!r}">'
            f"{measured(cell)}</td>")


def results_section(table):
    scale = table.about["scale"]
    head = '<tr><th>row</th><th>network</th><th class="number">parameters</th><th class="number">multiply-adds</th>'
    for column in table.columns.values():
        head += (f'<th class="number ours">{text(column["title"])}, {text(scale)} scale</th><th class="number">n</th>'
                 '<th class="number">against baseline</th>')
        if has_paper(table):
            head += f'<th class="number paper">paper ({text(table.about["paper_scale"])})</th>'
    lines = [head + "</tr>"]
    for name, row in table.rows.items():
        line = (f"<tr><td>{text(row['title'])}</td><td>{breakable(row['model'])}</td>"
                f'<td class="number">{against(table, name, "parameters")}</td>'
                f'<td class="number">{against(table, name, "multiply_adds")}</td>')
        for column in table.columns:
            cell = table.cells[name][column]
            line += (number_cell(name, column, cell) + f'<td class="number">{cell["n"]}</td>'
                     f'<td class="number">{compared(cell)}</td>')
            if has_paper(table):
                line += f'<td class="number paper">{as_printed(cell["paper"]) if "paper" in cell else ""}</td>'
        lines.append(line + "</tr>")
    return (f'<h2>Results</h2><div class="wide"><table id="results">{"".join(lines)}</table></div>'
            "<p>Mean &plusmn; standard error over n seeds; against the baseline: mean difference in points over the same "
            "seeds, two-sided paired t-test. Percentages: deviation from the baseline's cost.</p>")


def claims_section(table):
    if not table.about["holds"] or not table.claims:
        return ""
    lines = []
    for claim in table.claims:
        detail = f" ({claim['difference']:+.2f} points, {claim['pairs']} pairs, p = {claim['p']:.3g})" if "p" in claim else ""
        lines.append(f"<li>{text(claim['text'])}: <b>{text(claim['verdict'])}</b>{detail}</li>")
    expected = "the paper's trend" if has_paper(table) else "what was expected"
    return (f"<h2>Does {expected} hold?</h2><p>Said beforehand: {text(table.about['holds'])}</p>"
            f"{'' if table.about['complete'] else '<p>Of the runs so far, which are not all:</p>'}<ul>{''.join(lines)}</ul>")


def figure(name, caption, draw, table, size=(11, 4.6)):
    """Draws into an SVG with its scale above and its legend beside it; nothing where `draw` has nothing to show."""
    canvas, axes = plt.subplots(figsize=size, layout="constrained")
    shown = draw(axes)
    if shown:
        axes.set_title(table.scale_label(), loc="right", fontsize=9, color="0.3")
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    plt.close(canvas)
    if not shown:
        return ""
    svg = buffer.getvalue()
    return f'<figure id="{name}">{svg[svg.index("<svg"):]}<figcaption>{text(caption)}</figcaption></figure>'


def draw_curves(table):
    def draw(axes):
        draw_error_curves(axes, table, table.rows, data=next(iter(table.columns.values()))["data"])
        tidy(axes, "epoch", "top-1 error (%)")
        return bool(axes.lines)
    return draw


def cardinality(table, row):
    """From the network's name: resnext50_32x4d has 32 paths; resnet50 one."""
    for part in table.rows[row]["model"].split("_"):
        paths, _, width = part.partition("x")
        if paths.isdigit() and width.endswith("d") and width[:-1].isdigit():
            return int(paths)
    return 1


def draw_errors_against(table, column, x, label, logarithmic):
    def draw(axes):
        for colour, row in zip(COLOURS * 3, table.rows):
            cell = table.cells[row][column]
            if not cell["n"]:
                continue
            axes.errorbar(x(row), cell["mean"], None if math.isnan(cell["standard_error"]) else cell["standard_error"],
                          marker="o", capsize=3, linestyle="", color=colour, label=table.rows[row]["title"])
        tidy(axes, label, table.columns[column]["title"])
        if logarithmic:
            axes.set_xscale("log", base=2)
            ticks = sorted({x(row) for row in table.rows})
            axes.set_xticks(ticks, [str(tick) for tick in ticks])
        return axes.has_data()
    return draw


def draw_paper_against_measured(table, column):
    def draw(axes):
        for colour, (row, cells) in zip(COLOURS * 3, table.cells.items()):
            cell = cells[column]
            if cell["n"] and "paper" in cell:
                axes.plot(cell["paper"], cell["mean"], "o", color=colour, label=table.rows[row]["title"])
        tidy(axes, f"paper, {table.about['paper_scale']}: {table.columns[column]['title']}",
             f"measured, {table.about['scale']} scale")
        return bool(axes.lines)
    return draw


def draw_cost(table):
    def draw(axes):
        seconds = [sum(run["device_seconds"] for run in table.runs.values() if run["row"] == row) for row in table.rows]
        size, unit = unit_of(max(seconds), TIMES)
        axes.barh([row["title"] for row in table.rows.values()], [value / size for value in seconds], color=COLOURS[0])
        axes.invert_yaxis()
        tidy(axes, f"device-{unit} of training, all seeds", "")
        return any(seconds)
    return draw


def figures_section(table):
    size, unit = unit_of(max(row["parameters"] for row in table.rows.values()), COUNTS)
    parts = [figure("curves", "Validation error (solid, with the deviation over seeds) and training error (dashed).",
                    draw_curves(table), table)]
    for column in table.columns:
        parts += [
            figure(f"cardinality-{column}", "Error against cardinality.",
                   draw_errors_against(table, column, lambda row: cardinality(table, row), "cardinality", True), table),
            figure(f"parameters-{column}", "Error against parameters.",
                   draw_errors_against(table, column, lambda row: table.rows[row]["parameters"] / size,
                                       f"parameters ({unit})", False), table),
            figure(f"paper-{column}", "The paper's numbers against these. The scales differ: only the order can be compared.",
                   draw_paper_against_measured(table, column), table)]
    parts.append(figure("cost", "Cost.", draw_cost(table), table))
    return "<h2>Figures</h2>" + "".join(parts)


def runs_section(table):
    lines = ['<tr><th>run</th><th>state</th><th class="number">seconds</th><th class="number">device-seconds</th>'
             "<th></th></tr>"]
    for name, run in table.runs.items():
        style = "" if run["state"] == "finished" else ' class="warning"'
        lines.append(f"<tr><td>{text(name)}</td><td{style}>{text(run['state'])}</td>"
                     f'<td class="number">{run["seconds"]:.1f}</td><td class="number">{run["device_seconds"]:.1f}</td>'
                     f"<td>{text(run['error'])}</td></tr>")
    return f'<h2>Runs and cost</h2><table id="runs">{"".join(lines)}</table>'


def configuration_section(table):
    """The options in force, once; a row's own where they differ."""
    recipes = {}
    for run in table.runs.values():
        recipes.setdefault(tuple(sorted(run["fingerprint"]["recipe"].items())), set()).add(run["row"])
    parts = []
    for recipe, rows in recipes.items():
        parts.append(f"<p>{text(', '.join(sorted(rows)))}</p><pre>"
                     + text("\n".join(f"{name} = {value}" for name, value in recipe)) + "</pre>")
    data = sorted({(run["data"] or "data", run["fingerprint"]["data"], run["fingerprint"]["validation_data"])
                   for run in table.runs.values()})
    identities = "".join(f"<li>{text(name)}: training {text(one)}, validation {text(two)}</li>" for name, one, two in data)
    return f"<h2>Configuration</h2><p>Input {text(table.about['input'])}; identities of the data:</p><ul>{identities}</ul>" + "".join(parts)


def environment_section(table):
    facts = dict(table.environment, code=table.about["code"])
    for run in table.runs.values():
        if run["result"] and run["result"].is_file():
            with h5py.File(run["result"], "r") as file:
                about = attributes(file)
            facts.update({name: about[name] for name in ("engine", "mpi", "device", "precision", "ranks") if name in about})
            break
    lines = "".join(f"<tr><td>{text(name)}</td><td>{text(value)}</td></tr>" for name, value in sorted(facts.items()))
    return f"<h2>Environment</h2><table>{lines}</table>"


def page(table):
    about = table.about
    warning = "" if about["complete"] else f'<p class="warning">This table is incomplete: {text(about["missing"])}</p>'
    return (f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{text(about["title"])} '
            f'({text(about["scale"])})</title><style>{STYLE}</style></head><body><h1>{text(about["title"])}</h1>'
            f'<p>{text(about["paper"] + ", measured" if about["paper"] else "Measured")} at '
            f'<span class="scale">scale {text(about["scale"])}</span>: '
            f"{text(about['scale_title'])}.</p>" + warning + results_section(table) + claims_section(table)
            + figures_section(table) + runs_section(table) + configuration_section(table) + environment_section(table)
            + "</body></html>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, metavar="TABLE.h5")
    parser.add_argument("-o", "--out", type=pathlib.Path, metavar="TABLE.html", help="default: TABLE.html beside it")
    arguments = parser.parse_args()
    plt.rcParams.update({"svg.hashsalt": "resnext", "svg.fonttype": "none"})
    try:
        out = arguments.out or arguments.file.with_suffix(".html")
        out.write_text(page(table_results.Table(arguments.file)), encoding="utf-8")
    except (ResultError, OSError) as error:
        print(f"report_table.py: error: {error}", file=sys.stderr)
        return 1
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
