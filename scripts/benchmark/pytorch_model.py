"""The paper's bottleneck ResNets and ResNeXts in plain PyTorch, by the names that net/README.md lists."""

import re

from torch import nn

DEPTHS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
PATTERN = re.compile(r"(?:resnet(?P<plain>\d+)|resnext(?P<depth>\d+)_(?P<paths>\d+)x(?P<width>\d+)d)"
                     r"(?P<cifar>_cifar)?(?:_w(?P<base>\d+))?")


class Bottleneck(nn.Module):
    def __init__(self, inputs, inner, outputs, stride, paths):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=paths, bias=False), nn.BatchNorm2d(inner), nn.ReLU(inplace=True),
            nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


def stem(cifar, channels, base):
    if cifar:
        return [nn.Conv2d(channels, base, 3, 1, 1, bias=False), nn.BatchNorm2d(base), nn.ReLU(inplace=True)]
    return [nn.Conv2d(channels, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base), nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1)]


def make(name, channels, classes):
    """Throws ValueError for a name of another kind."""
    match = PATTERN.fullmatch(name)
    if not match:
        raise ValueError(f"no PyTorch model is written for '{name}'")
    depth, cifar, base = int(match["plain"] or match["depth"]), bool(match["cifar"]), int(match["base"] or 64)
    paths, width = (int(match["paths"]), int(match["width"])) if match["paths"] else (1, base)
    blocks = [(depth - 2) // 9] * 3 if cifar else DEPTHS[depth]
    layers, features = stem(cifar, channels, base), base
    for stage, count in enumerate(blocks):
        for block in range(count):
            outputs = 4 * base * 2**stage
            stride = 2 if stage and not block else 1
            layers.append(Bottleneck(features, paths * width * 2**stage, outputs, stride, paths))
            features = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes))
