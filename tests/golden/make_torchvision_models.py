#!/usr/bin/python3
"""Writes torchvision_models.txt: what torchvision's own models consist of.

Needs Debian's python3-torchvision. Run from anywhere; it writes beside itself. Lines:
  model NAME MULTIPLY_ADDS       convolutions and fc at 224x224, summed over forward hooks
  layer NAME C H W               output of each convolution, the max pool and fc
  value NAME SHAPE...            parameters and running statistics of the state_dict, in its order
"""

import pathlib

import torch
import torchvision

MODELS = ["resnet50", "resnext50_32x4d", "resnext101_64x4d"]


def layers(model):
    """Name, output extents and multiply-adds of each layer, as met by a forward pass."""
    found = []

    def hook(name):
        def record(module, _, output):
            extents = (list(output.shape[1:]) + [1, 1])[:3]
            weight = getattr(module, "weight", None)
            cost = 0 if weight is None else weight.numel() * extents[1] * extents[2]
            found.append((name, extents, cost))
        return record

    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.Linear)):
            module.register_forward_hook(hook(name))
    with torch.no_grad():
        model(torch.zeros(1, 3, 224, 224))
    return found


def main():
    lines = [f"# torchvision {torchvision.__version__}, made by make_torchvision_models.py"]
    for name in MODELS:
        model = getattr(torchvision.models, name)().eval()
        found = layers(model)
        lines.append(f"model {name} {sum(cost for _, _, cost in found)}")
        lines += [f"layer {layer} {' '.join(map(str, shape))}" for layer, shape, _ in found]
        for key, value in model.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                lines.append(f"value {key} {' '.join(map(str, value.shape))}")
    path = pathlib.Path(__file__).with_name("torchvision_models.txt")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
