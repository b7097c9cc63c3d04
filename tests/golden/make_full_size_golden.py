#!/usr/bin/python3
"""Writes full_size_MODEL.h5: torchvision's own networks at full size, evaluated and trained for five
steps by PyTorch in float32, on two replicas with batch-norm statistics of their own.

Needs Debian's python3-torch, python3-torchvision and python3-h5py. Run from anywhere, with names of models
(default: all); it writes beside itself. Weights and images are those of full_size_formula.py. In each file:
  logits/first, logits/last     evaluation of the first four images, before and after training
  loss                          of each step: the mean over the global batch
  parameters, statistics        after the fifth update: names, shapes, the values kept of each (formula.kept) end
                                to end, how many those are, and the largest magnitude in the whole tensor
Statistics are replica 0's. With --double first, it writes nothing, and prints how far all this is from the same in
float64 (half an hour for each model).
"""

import copy
import pathlib
import sys

import h5py
import numpy
import torch
import torchvision

import full_size_formula as formula

MODELS = {
    "resnet50": lambda: torchvision.models.resnet50(),
    "resnext50_32x4d": lambda: torchvision.models.resnext50_32x4d(),
    # Not one of torchvision's names; its class makes it.
    "resnext101_32x4d": lambda: torchvision.models.resnet.ResNet(
        torchvision.models.resnet.Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=4),
}


def initialise(net):
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(torch.from_numpy(formula.initial_values(name, tuple(parameter.shape))))


def evaluate(net, images):
    net.eval()
    with torch.no_grad():
        logits = net(images[:4])
    net.train()
    return logits.double().numpy()


def run(make, dtype):
    net = make().to(dtype)
    initialise(net)
    images = torch.from_numpy(formula.normalised(formula.pixels())).to(dtype)
    labels = torch.from_numpy(formula.labels()).long()
    found = {"logits/first": evaluate(net, images), "loss": []}
    optimiser = torch.optim.SGD(net.parameters(), formula.LEARNING_RATE, formula.MOMENTUM, dampening=0,
                                weight_decay=formula.WEIGHT_DECAY, nesterov=True)
    for step in range(formula.STEPS):
        batches = formula.replica_batches(step)
        count = sum(len(batch) for batch in batches)
        optimiser.zero_grad()
        replica = copy.deepcopy(net)  # whose running statistics nobody keeps
        replica.zero_grad()
        loss = 0.0
        for owner, batch in ((net, batches[0]), (replica, batches[1])):
            mean = torch.nn.functional.cross_entropy(owner(images[batch]), labels[batch],
                                                     reduction="sum") / count
            mean.backward()
            loss += mean.item()
        for own, other in zip(net.parameters(), replica.parameters()):
            own.grad += other.grad
        optimiser.step()
        found["loss"].append(loss)
    found["logits/last"] = evaluate(net, images)
    found["parameters"] = {n: p.detach().double().numpy() for n, p in net.named_parameters()}
    found["statistics"] = {n: b.double().numpy() for n, b in net.named_buffers() if "running" in n}
    return found


def relative(actual, expected):
    return numpy.abs(numpy.asarray(actual) - expected).max() / numpy.abs(expected).max()


def report(model):
    exact, single = run(MODELS[model], torch.float64), run(MODELS[model], torch.float32)
    worst = {group: max(relative(single[group][n], exact[group][n]) for n in exact[group])
             for group in ("parameters", "statistics")}
    print(f"{model}: losses {' '.join(f'{loss:.4f}' for loss in exact['loss'])}; float32 is off by "
          f"{relative(single['loss'], exact['loss']):.1e} in the loss, {worst['parameters']:.1e} in parameters, "
          f"{worst['statistics']:.1e} in statistics, {relative(single['logits/first'], exact['logits/first']):.1e} "
          f"and {relative(single['logits/last'], exact['logits/last']):.1e} in logits", flush=True)


def write(model):
    found = run(MODELS[model], torch.float32)
    with h5py.File(pathlib.Path(__file__).with_name(f"full_size_{model}.h5"), "w") as file:
        file.attrs["torch"], file.attrs["torchvision"] = str(torch.__version__), str(torchvision.__version__)
        file["loss"] = found["loss"]
        for name in ("logits/first", "logits/last"):
            file.create_dataset(name, data=found[name].astype("f4"), compression="gzip", shuffle=True)
        for group in ("parameters", "statistics"):
            names = list(found[group])
            values = [formula.kept(found[group][n]) for n in names]
            file[f"{group}/names"] = names
            file[f"{group}/shapes"] = [",".join(map(str, found[group][n].shape)) for n in names]
            file[f"{group}/lengths"] = [len(v) for v in values]
            file[f"{group}/largest"] = [numpy.abs(found[group][n]).max() for n in names]
            file.create_dataset(f"{group}/values", data=numpy.concatenate(values).astype("f4"),
                                compression="gzip", shuffle=True)
    print(f"{model}: losses {' '.join(f'{loss:.4f}' for loss in found['loss'])}", flush=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    double = sys.argv[1:2] == ["--double"]
    for chosen in sys.argv[2 if double else 1:] or MODELS:
        (report if double else write)(chosen)
