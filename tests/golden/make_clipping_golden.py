#!/usr/bin/python3
"""Writes clipping_series.txt: five updates of six values by torch.optim.SGD, their gradients clipped before by
torch.nn.utils.clip_grad_norm_, in float32.

Needs Debian's python3-torch. Run from anywhere; it writes beside itself. A line holds: the limit, the step, the
gradients before, their norm, the values after the step (Nesterov, momentum 0.9, weight decay 0.05, learning rate 0.1).
"""

import pathlib

import torch

START = [0.5, -1.25, 2.0, 0.0, 1e-3, -30.0]


def gradients(step):
    return [(-1) ** (i + step) * (i + 1) * 0.37 / (step + 1) for i in range(len(START))]


def series(limit):
    values = torch.tensor(START, requires_grad=True)
    sgd = torch.optim.SGD([values], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)
    for step in range(5):
        values.grad = torch.tensor(gradients(step))
        before = values.grad.tolist()
        norm = torch.nn.utils.clip_grad_norm_([values], limit).item()
        sgd.step()
        numbers = [*before, norm, *values.detach().tolist()]
        yield f"{limit} {step} " + " ".join(f"{number:.9g}" for number in numbers)


lines = [line for limit in (0.01, 1.0, 2.0, 100.0) for line in series(limit)]
(pathlib.Path(__file__).parent / "clipping_series.txt").write_text("\n".join(lines) + "\n")
