#!/usr/bin/python3
"""Writes sgd_series.txt: five updates of six values by torch.optim.SGD, in float32.

Needs Debian's python3-torch. Run from anywhere; it writes beside itself. A line holds: nesterov (0 or 1), momentum,
weight decay, the step, its learning rate, the gradients, the values after the step.
"""

import pathlib

import torch

START = [0.5, -1.25, 2.0, 0.0, 1e-3, -30.0]
LEARNING_RATES = [0.1, 0.1, 0.1, 0.01, 0.01]


def gradients(step):
    return [(-1) ** (i + step) * (i + 1) * 0.37 / (step + 1) for i in range(len(START))]


def series(nesterov, momentum, weight_decay):
    values = torch.tensor(START, requires_grad=True)
    sgd = torch.optim.SGD([values], lr=1, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
    for step, learning_rate in enumerate(LEARNING_RATES):
        sgd.param_groups[0]["lr"] = learning_rate
        values.grad = torch.tensor(gradients(step))
        sgd.step()
        numbers = values.grad.tolist() + values.detach().tolist()
        yield f"{int(nesterov)} {momentum} {weight_decay} {step} {learning_rate} " + " ".join(
            f"{number:.9g}" for number in numbers)


lines = [line for options in [(True, 0.9, 1e-4), (True, 0.9, 5e-2), (False, 0.9, 5e-2), (False, 0.0, 0.0)]
         for line in series(*options)]
(pathlib.Path(__file__).parent / "sgd_series.txt").write_text("\n".join(lines) + "\n")
