"""Runs resnext-sweep on small tables, and reads what it leaves."""

import glob
import os
import stat
import sys

import h5py

import programs

SWEEP = os.environ["RESNEXT_SWEEP"]
SOURCE = os.environ["RESNEXT_SOURCE_DIR"]

# The sweep's sibling programs lie where the build put them, which need not be beside it.
PROGRAM_FOLDERS = [os.path.dirname(path) for path in (programs.WORKER, programs.LAUNCH, programs.DATA,
                                                      os.environ["RESNEXT_INFO"])]

# On the worker's built-in set: three networks that train in a second.
TABLE = """title = "Small"
paper = "Table 0"
paper_scale = "ImageNet-1K"
baseline = "one"
{extra}
[[columns]]
name = "top1"
title = "top-1 error (%)"
metric = "validation_top1_error"

[[rows]]
name = "one"
model = {{ smoke = "resnet11_cifar_w4" }}
paper = {{ top1 = 23.9 }}

[[rows]]
name = "two"
title = "ResNeXt-11, 2x2d"
model = {{ smoke = "resnext11_2x2d_cifar_w4" }}
paper = {{ top1 = 23.0 }}
{rows}
[scales.smoke]
title = "synthetic images"
data = "none"
seeds = 2
options = {{ steps = {steps}, replicas = 2, batch-per-replica = 16, learning-rate = 0.02, checkpoint-every = 3 }}
"""

DATASETS = """[none]
title = "no images"
advice = "There are none."
input = "28x28x1"
classes = 7
synthetic_instead = true
"""

NOT_OF_THE_NUMBERS = {"seconds", "device_seconds", "lock"}


def write_table(folder, steps=12, rows="", extra="", name="small"):
    """A table file with its data sets beside it; returns its path."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "datasets.toml"), "w") as file:
        file.write(DATASETS)
    path = os.path.join(folder, name + ".toml")
    with open(path, "w") as file:
        file.write(TABLE.format(steps=steps, rows=rows, extra=extra))
    return path


def row(name, model, options=""):
    options = f"options = {{ {options} }}\n" if options else ""
    return f'\n[[rows]]\nname = "{name}"\nmodel = {{ smoke = "{model}" }}\n{options}'


def command(*arguments):
    return [SWEEP, *arguments]


def with_programs():
    """The tests' environment, with all programs in PATH."""
    return os.pathsep.join([*PROGRAM_FOLDERS, os.environ["PATH"]])


class Path:
    """Puts folders at the front of PATH while it lasts."""

    def __init__(self, *folders):
        self.value = os.pathsep.join([*folders, with_programs()])

    def __enter__(self):
        self.before = os.environ["PATH"]
        os.environ["PATH"] = self.value

    def __exit__(self, *_):
        os.environ["PATH"] = self.before


def run(*arguments, seconds=180, **options):
    with Path():
        return programs.run(command(*arguments), seconds, **options)


def start(*arguments, **options):
    with Path():
        return programs.Program(command(*arguments), **options)


def numbers(path):
    """All of a table file but times and environment, by name."""
    found = {}

    def visit(name, node):
        if name.startswith("environment"):
            return
        for key, value in node.attrs.items():
            if key not in NOT_OF_THE_NUMBERS:
                found[f"{name}@{key}"] = repr(value)
        if isinstance(node, h5py.Dataset):
            found[name] = node[()].tobytes()

    with h5py.File(path, "r") as file:
        for key, value in file.attrs.items():
            found["@" + key] = repr(value)
        file.visititems(visit)
    return found


def run_folders(folder):
    return sorted(glob.glob(os.path.join(folder, "runs", "*")))


def pids_in(folder):
    """Processes whose command line names something in the folder, by their program's name."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(folder.encode() + b"/") for word in words) and int(pid) != os.getpid():
            found.append((int(pid), os.path.basename(words[0].decode())))
    return found


def write_program(folder, name, text):
    """A Python script that stands in for a program."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(f"#!{sys.executable}\n{text}")
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
