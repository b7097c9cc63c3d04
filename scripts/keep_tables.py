#!/usr/bin/python3
"""Copies tables of resnext-sweep with the results of their runs, without checkpoints and without this machine's paths.

Usage: keep_tables.py results/proxy results/evidence/proxy table3 figure5
"""
import argparse
import pathlib
import shutil
import sys

import h5py

import table_results

PATHS = ("dataset", "validation-dataset")  # attributes of a run's result that begin with a folder
SMALL = 1000  # values: not worth compressing


def copy_compressed(old, new):
    """What a group holds, series compressed."""
    for name, value in old.items():
        if isinstance(value, h5py.Group):
            group = new.create_group(name)
            group.attrs.update(value.attrs)
            copy_compressed(value, group)
        elif value.size > SMALL:
            new.create_dataset(name, data=value[()], chunks=value.shape, shuffle=True, compression="gzip")
            new[name].attrs.update(value.attrs)
        else:
            old.copy(name, new)


def copy_result(source, target):
    """Anew, since HDF5 leaves in the file what an attribute held before. Beside it goes what decided its numbers."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source.parent / "fingerprint.json", target.parent)
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = "shards/" + pathlib.Path(value).name if name in PATHS and value else value
        copy_compressed(old, new)


def copy_table(source, target, name):
    target.mkdir(parents=True, exist_ok=True)
    table = table_results.Table(source / f"{name}.h5")
    for page in source.glob(f"{name}.*"):
        shutil.copy(page, target)
    for run in table.runs.values():
        if run["result"]:
            copy_result(run["result"], target / run["result"].relative_to(source))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path, metavar="FOLDER", help="where the sweep left them")
    parser.add_argument("target", type=pathlib.Path, metavar="OUT")
    parser.add_argument("tables", nargs="+", metavar="TABLE")
    arguments = parser.parse_args()
    try:
        for name in arguments.tables:
            copy_table(arguments.source, arguments.target, name)
    except (table_results.ResultError, OSError) as error:
        print(f"keep_tables.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
