#!/usr/bin/python3
"""Images/s of whole training steps, ours beside Debian's PyTorch, in turn in one run.

    scripts/benchmark_against_pytorch.py [--build build/release] [--rounds 3] [--steps 6]

Every contender takes the same global batch of a ResNeXt-50 32x4d at 224x224 in fp32: forward, loss,
backward, SGD with Nesterov momentum. A round runs each contender once; the table gives medians over
the rounds, and the ratio to PyTorch is taken round by round, so that a machine whose speed drifts
does not favour anybody. Needs python3-torch, python3-h5py and the built programs; an idle machine.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = "resnext50_32x4d"


def pytorch_images_per_second(batch, steps, threads, channels_last):
    """Runs in a child process (see main), so that its memory and threads are its own."""
    import torch
    sys.path.insert(0, str(ROOT / "tests/golden"))
    from make_training_golden import Architecture, ResNeXt
    torch.set_num_threads(threads)
    net = ResNeXt(Architecture(True, [3, 4, 6, 3], 32, 4, 64, 3, 1000)).train()
    images = torch.randn(batch, 3, 224, 224)
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,))
    optimiser = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=1e-4, nesterov=True)
    rates = []
    for _ in range(steps):
        start = time.perf_counter()
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
        rates.append(batch / (time.perf_counter() - start))
    return statistics.median(rates[1:])


def run_pytorch(options, channels_last):
    command = [sys.executable, __file__, "--child", "--batch", str(options.batch), "--steps",
               str(options.steps), "--threads", str(options.threads)]
    command += ["--channels-last"] if channels_last else []
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_ours(options, ranks):
    import h5py
    threads = options.threads // ranks
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run.h5"
        command = [options.build / "launcher/resnext-launch", "-n", ranks, "--threads", threads, "--",
                   "--model", MODEL, "--replicas", ranks, "--batch-per-replica", options.batch // ranks,
                   "--steps", options.steps, "--learning-rate", "0.01", "--validate-every", "0",
                   "--out", out]
        environment = dict(os.environ)
        environment["PATH"] = f"{options.build / 'worker'}:{environment['PATH']}"
        subprocess.run([str(word) for word in command], check=True, env=environment,
                       stdout=subprocess.DEVNULL)
        with h5py.File(out) as file:
            rates = file["train/images_per_second"][1:]
    return statistics.median(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6, help="the first is a warm-up")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--channels-last", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        rate = pytorch_images_per_second(options.batch, options.steps, options.threads,
                                         options.channels_last)
        print(rate)
        return

    contenders = {
        "PyTorch, contiguous": lambda: run_pytorch(options, False),
        "PyTorch, channels last": lambda: run_pytorch(options, True),
        f"ours, 1 rank x {options.threads} threads": lambda: run_ours(options, 1),
        f"ours, {options.threads} ranks x 1 thread": lambda: run_ours(options, options.threads),
    }
    rates = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, run in contenders.items():
            rates[name].append(run())
    best = [max(pair) for pair in zip(*list(rates.values())[:2])]
    print(f"{MODEL}, 224x224, fp32, global batch {options.batch}, {options.threads} cores, "
          f"{options.rounds} rounds of {options.steps - 1} steps")
    print(f"{'':<28}{'images/s':>10}{'of the better PyTorch':>24}")
    for name, values in rates.items():
        ratio = statistics.median(value / base for value, base in zip(values, best))
        print(f"{name:<28}{statistics.median(values):>10.2f}{ratio:>24.2f}")


if __name__ == "__main__":
    main()
