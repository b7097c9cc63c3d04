"""The table of targets, measured here: usually by way of scripts/benchmark.sh, which builds first.

    scripts/benchmark.sh [--only ROW ...] [--rounds 3] [--out results/benchmark.h5]
    PYTHON=/path/to/python3 scripts/benchmark.sh     # another PyTorch than Debian's
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import kinds
import machine
import record
import report
import roofline
import rows
import running

ROOFLINE_MODEL = "resnext50_32x4d"


def parse():
    parser = argparse.ArgumentParser(prog="scripts/benchmark.sh", description="Measures this project beside PyTorch.")
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="these rows; all by default")
    parser.add_argument("--list", action="store_true", help="name the rows and their targets, and end")
    parser.add_argument("--rounds", type=int, default=3, help="of the contenders in turn [3]")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="[the cores there are]")
    parser.add_argument("--photographs", default="", metavar="SHARDS", help="JPEGs for the loader [random pictures]")
    parser.add_argument("--out", type=pathlib.Path, default=running.ROOT / "results/benchmark.h5",
                        help="the picture lands beside it, as .png")
    options = parser.parse_args()
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    options.out = options.out.resolve()
    return options


def measure(needed, rounds, folder):
    """Samples of every measurement, each once a round. What fails once is not tried again."""
    samples = {measurement: [] for measurement in needed}
    for number in range(rounds):
        for measurement, taken in samples.items():
            if taken and isinstance(taken[-1], running.NotMeasured):
                continue
            start = time.monotonic()
            try:
                taken.append(measurement.run(folder))
                word = "done"
            except running.NotMeasured as reason:
                taken.append(reason)
                word = f"not measured: {reason}"
            print(f"round {number + 1}: {time.monotonic() - start:6.1f} s  {measurement}: {word}", file=sys.stderr, flush=True)
    return samples


def figures_of(row, needs, samples):
    try:
        return kinds.kind_of(row).figures(row, kinds.Samples({label: samples[what] for label, what in needs.items()}))
    except running.NotMeasured as reason:
        return reason


def draw_roofline(path):
    """In words, what became of the picture."""
    try:
        layers = running.run([running.path_of("resnext-info"), ROOFLINE_MODEL, "--engine", "cpu", "--json"]).out
        roofline.draw(*roofline.read_layers(layers), f"{ROOFLINE_MODEL}, layer by layer", path)
    except (running.NotMeasured, roofline.NoLayers) as reason:
        return f"No roofline: {reason}"
    return f"Roofline: {path}"


def run(options):
    chosen = rows.select(rows.read_rows(), options.only)
    if options.list:
        for row in chosen:
            print(f"{row.name:<30} {row.title} [{row.target()}]")
        return
    host = kinds.Host(options.threads, os.environ.get("PYTHON") or "/usr/bin/python3", options.photographs)
    needs = {row.name: kinds.kind_of(row).needs(row, host) for row in chosen}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    attributes = machine.describe() | {"rounds": options.rounds, "threads": options.threads, "python": host.python}
    # Beside the build, not in /tmp, which may be memory.
    with tempfile.TemporaryDirectory(dir=running.BUILD, prefix="benchmark-") as folder:
        samples = measure({what: None for row in chosen for what in needs[row.name].values()}, options.rounds, folder)
    results = [(row, figures_of(row, needs[row.name], samples)) for row in chosen]
    record.write(options.out, attributes, results, samples)
    print(f"\n{attributes['processor']}, {options.threads} threads; medians of {options.rounds} rounds\n")
    print(report.table(results))
    print(f"\nEvery sample: {options.out}")
    print(draw_roofline(options.out.with_suffix(".png")))


def main():
    try:
        run(parse())
    except (rows.RowError, running.NotMeasured) as error:
        print(f"benchmark.sh: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, rows.RowError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
