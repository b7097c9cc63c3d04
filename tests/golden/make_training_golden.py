#!/usr/bin/python3
"""Writes training_MODEL.h5: three training steps of small networks, computed by PyTorch in float64.

Needs Debian's python3-torch and python3-h5py. Run from anywhere, with names of
files to make (default: all); it writes beside itself. The networks
are written here from the paper (Figure 3(c), Table 1, section 5), with torchvision's parameter names,
and share nothing with net/. In each file:
  attributes    the network (stem, groups, group_width, base_width), the input's shape, classes, SGD's constants
  blocks                   of each stage
  mean, deviation          normalisation, by channel
  names, strides, lengths  of the tensors below, in the order in which those are concatenated; of a
                           tensor every stride-th value is kept (all where the stride is 1)
  statistic_names          likewise for running means and variances, which are always whole
  step0, step1, step2      pixels (N, H, W, C), labels, loss (mean over the batch), logits
  step0/gradients, step0/statistics      after the first step's backward pass
  end/parameters, end/statistics         after the third update
  end/logits               evaluation of step0's images with the running statistics
Initial parameters are the closed formula of initial_values(); the C++ test computes the same.
"""

import dataclasses
import pathlib
import sys

import h5py
import numpy
import torch
from torch import nn

from formula_weights import uniform

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 1e-4
MAX_VALUES = 2000  # of one tensor; larger ones are thinned out


@dataclasses.dataclass
class Architecture:
    imagenet_stem: bool
    blocks: list  # of each stage
    groups: int
    width: int  # of a group
    base_width: int
    channels: int
    classes: int
    basic: bool = False
    preactivation: bool = False
    shortcut: str = "B"  # A, B, C or none
    stem_width: int = 0  # 0: base_width


class ZeroPadding(nn.Module):
    """Shortcut type A: the published code's 1x1 average pooling, and as many zeros as are missing."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.missing, self.stride = outputs - inputs, stride

    def forward(self, x):
        x = nn.functional.avg_pool2d(x, 1, self.stride)
        return torch.cat([x, x.new_zeros(x.shape[0], self.missing, *x.shape[2:])], dim=1)


class ResidualBlock(nn.Module):
    """Conv 1x1, grouped 3x3, 1x1, or two 3x3; batch-norm and ReLU after each, or before."""

    def __init__(self, net, inputs, width, outputs, stride, activated_input):
        super().__init__()
        self.preactivation, self.activated_input = net.preactivation, activated_input
        # C paths of depth 2 are one dense path of C times the width (Figure 4).
        plan = ([(width, 3, stride, 1), (outputs, 3, 1, 1)] if net.basic else
                [(width, 1, 1, 1), (width, 3, stride, net.groups), (outputs, 1, 1, 1)])
        self.count, features = len(plan), inputs
        for i, (channels, kernel, step, groups) in enumerate(plan, 1):
            setattr(self, f"conv{i}", nn.Conv2d(features, channels, kernel, step, kernel // 2,
                                                groups=groups, bias=False))
            if not (net.preactivation and i == 1 and activated_input):
                setattr(self, f"bn{i}", nn.BatchNorm2d(features if net.preactivation else channels))
                setattr(self, f"relu{i}", nn.ReLU())
            features = channels
        changes = stride != 1 or inputs != outputs
        self.identity = not changes and net.shortcut in "AB"
        self.downsample = None
        if net.shortcut == "A" and changes:
            self.downsample = ZeroPadding(inputs, outputs, stride)
        elif net.shortcut == "C" or (net.shortcut == "B" and changes):
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            if not net.preactivation:
                self.downsample.append(nn.BatchNorm2d(outputs))

    def activate(self, i, x):
        return getattr(self, f"relu{i}")(getattr(self, f"bn{i}")(x))

    def convolve(self, i, x):
        return getattr(self, f"conv{i}")(x)

    def forward(self, x):
        if self.preactivation:
            y = active = x if self.activated_input else self.activate(1, x)
            for i in range(1, self.count + 1):
                y = self.convolve(i, self.activate(i, y) if i > 1 else y)
            if self.identity:
                return y + x
            return y if self.downsample is None else y + self.downsample(active)
        y = x
        for i in range(1, self.count):
            y = self.activate(i, self.convolve(i, y))
        y = getattr(self, f"bn{self.count}")(self.convolve(self.count, y))
        if self.identity:
            y = y + x
        elif self.downsample is not None:
            y = y + self.downsample(x)
        return getattr(self, f"relu{self.count}")(y)


class MaxPool(nn.Module):
    """3x3, stride 2; remembers how near the two largest values of any window came to each other."""

    nearest = numpy.inf

    def forward(self, x):
        windows = nn.functional.unfold(x, 3, padding=1, stride=2).reshape(*x.shape[:2], 9, -1)
        first, second = windows.detach().topk(2, dim=2).values.unbind(2)
        gaps = (first - second)[first > 0]  # behind a ReLU zeros tie, and pass no gradient whoever wins
        MaxPool.nearest = min(MaxPool.nearest, gaps.min().item())
        return nn.functional.max_pool2d(x, 3, 2, 1)


class ResNeXt(nn.Module):
    def __init__(self, net):
        super().__init__()
        features = net.stem_width or net.base_width
        self.imagenet_stem, self.preactivation = net.imagenet_stem, net.preactivation
        self.conv1 = (nn.Conv2d(net.channels, features, 7, 2, 3, bias=False) if net.imagenet_stem
                      else nn.Conv2d(net.channels, features, 3, 1, 1, bias=False))
        if net.imagenet_stem or not net.preactivation:
            self.bn1, self.relu = nn.BatchNorm2d(features), nn.ReLU()
        self.maxpool = MaxPool()
        self.stages = len(net.blocks)
        for stage, count in enumerate(net.blocks):
            outputs = (1 if net.basic else 4) * net.base_width * 2 ** stage
            layer = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                activated = net.imagenet_stem and stage == 0 and block == 0
                layer.append(ResidualBlock(net, features, net.groups * net.width * 2 ** stage, outputs,
                                           stride, activated))
                features = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        if net.preactivation:
            self.bn_last, self.relu_last = nn.BatchNorm2d(features), nn.ReLU()
        self.fc = nn.Linear(features, net.classes)

    def forward(self, x):
        x = self.conv1(x)
        if hasattr(self, "bn1"):
            x = self.relu(self.bn1(x))
        if self.imagenet_stem:
            x = self.maxpool(x)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        if self.preactivation:
            x = self.relu_last(self.bn_last(x))
        return self.fc(x.mean(dim=(2, 3)))


def initial_values(name, tensor, damped):
    """U(-b, b) with b = sqrt(6 / fan_in) for convolutions and fc; scales U(0.5, 1.5); shifts U(-0.5, 0.5).
    The last scale or convolution of a block (names ending in `damped`) is a tenth of that, or deep networks
    amplify fp32's rounding past any tolerance."""
    u = uniform(name, tensor.numel())
    if tensor.dim() > 1:
        bound = numpy.sqrt(6.0 / tensor[0].numel())
        values = -bound + 2.0 * bound * u
    else:
        values = (0.5 if name.endswith("weight") else -0.5) + u
    if name.endswith(damped):
        values = values * 0.1
    return torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64)).reshape(tensor.shape)


class Case:
    """A network with its data and the three steps."""

    def __init__(self, model, imagenet_stem, blocks, groups, width, base_width, shape, batches,
                 margin, smoothing=0.0, **more):
        self.model, self.shape, self.batches, self.margin = model, shape, batches, margin
        self.classes, self.smoothing = 10, smoothing
        self.net = Architecture(imagenet_stem, blocks, groups, width, base_width, shape[0],
                                self.classes, **more)
        last = 2 if self.net.basic else 3
        self.damped = f".conv{last}.weight" if self.net.preactivation else f"bn{last}.weight"
        self.mean = numpy.float32([0.5, 0.4375, 0.375][:shape[0]])
        self.deviation = numpy.float32([0.25, 0.3125, 0.28125][:shape[0]])

    def draw(self, seed):
        random = numpy.random.default_rng(seed)
        c, h, w = self.shape
        return [(random.integers(0, 256, (n, h, w, c), dtype=numpy.uint8),
                 random.integers(0, self.classes, n, dtype=numpy.int32)) for n in self.batches]

    def images(self, pixels):
        x = (pixels / 255.0 - self.mean.astype("f8")) / self.deviation.astype("f8")
        return torch.from_numpy(x.transpose(0, 3, 1, 2).copy())

    def run(self, steps):
        """Everything that a file holds, and how near any ReLU's input came to its kink."""
        net = ResNeXt(self.net).double()
        nearest = [numpy.inf]
        MaxPool.nearest = numpy.inf

        def watch(_, inputs):
            nearest[0] = min(nearest[0], inputs[0].detach().abs().min().item())
        for module in net.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_pre_hook(watch)
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(initial_values(name, parameter, self.damped))
        optimiser = torch.optim.SGD(net.parameters(), LEARNING_RATE, MOMENTUM, dampening=0,
                                    weight_decay=WEIGHT_DECAY, nesterov=True)
        found = {}
        for i, (pixels, labels) in enumerate(steps):
            optimiser.zero_grad()
            logits = net(self.images(pixels))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels).long(),
                                               label_smoothing=self.smoothing)
            loss.backward()
            found[f"step{i}/logits"] = logits
            found[f"step{i}/loss"] = loss
            if i == 0:
                found["step0/gradients"] = thin([p.grad for p in net.parameters()])
                found["step0/statistics"] = statistics(net)
            optimiser.step()
            nearest[0] = min(nearest[0], MaxPool.nearest)
            if nearest[0] < self.margin:
                return None, nearest[0]
        found["end/parameters"] = thin(list(net.parameters()))
        found["end/statistics"] = statistics(net)
        trained_nearest = nearest[0]
        net.eval()
        found["end/logits"] = net(self.images(steps[0][0]))
        self.trained = net
        return found, trained_nearest


def stride_of(tensor):
    return -(-tensor.numel() // MAX_VALUES) | 1 if tensor.numel() > MAX_VALUES else 1


def thin(tensors):
    return torch.cat([t.detach().flatten()[::stride_of(t)] for t in tensors])


def statistics(net):
    return torch.cat([b for n, b in net.named_buffers() if "running" in n]).clone()


def write(case, seed):
    # Where a ReLU's input is nearly zero, or a maximum nearly shared, rounding decides whether the
    # gradient passes; a comparison of fp32 with float64 is only meaningful where none is.
    while True:
        steps = case.draw(seed)
        found, nearest = case.run(steps)
        if found is not None:
            break
        seed += 1
    path = pathlib.Path(__file__).with_name(f"training_{case.model}.h5")
    with h5py.File(path, "w", track_order=False) as file:
        net = case.net
        file.attrs["imagenet_stem"], file["blocks"] = net.imagenet_stem, numpy.int64(net.blocks)
        file.attrs["groups"], file.attrs["group_width"] = net.groups, net.width
        file.attrs["base_width"] = net.base_width
        file.attrs["stem_width"] = net.stem_width or net.base_width
        file.attrs["basic"], file.attrs["preactivation"] = net.basic, net.preactivation
        file.attrs["shortcut"] = ["A", "B", "C", "none"].index(net.shortcut)
        file.attrs["label_smoothing"] = case.smoothing
        file.attrs["channels"], file.attrs["height"], file.attrs["width"] = case.shape
        file.attrs["classes"] = case.classes
        file.attrs["learning_rate"] = LEARNING_RATE
        file.attrs["momentum"] = MOMENTUM
        file.attrs["weight_decay"] = WEIGHT_DECAY
        file.attrs["torch"] = str(torch.__version__)
        file["mean"], file["deviation"] = case.mean, case.deviation
        parameters = list(case.trained.named_parameters())
        buffers = [(n, b) for n, b in case.trained.named_buffers() if "running" in n]
        file.attrs["names"] = [n for n, _ in parameters]
        file["strides"] = numpy.int64([stride_of(p) for _, p in parameters])
        file["lengths"] = numpy.int64([p.numel() for _, p in parameters])
        file.attrs["statistic_names"] = [n for n, _ in buffers]
        file["statistic_lengths"] = numpy.int64([b.numel() for _, b in buffers])
        for i, (pixels, labels) in enumerate(steps):
            file[f"step{i}/pixels"], file[f"step{i}/labels"] = pixels, labels
        for name, value in found.items():
            value = value.detach().numpy()
            if value.ndim == 0:
                file[name] = value.reshape(1)
            else:
                file.create_dataset(name, data=value.astype("f4"), compression="gzip", shuffle=True)
    losses = ", ".join(f"{float(found[f'step{i}/loss']):.4f}" for i in range(len(steps)))
    print(f"{path.name}: seed {seed}, losses {losses}, nearest ReLU input {nearest:.1e}, "
          f"{path.stat().st_size} bytes")


CASES = [
    (Case("resnet11_cifar_w8", False, [1, 1, 1], 1, 8, 8, (3, 16, 16), (4, 4, 3), 6e-6), 102),
    (Case("resnext20_4x4d_cifar_w8", False, [2, 2, 2], 4, 4, 8, (1, 15, 15), (5, 5, 3), 6e-6), 479),
    (Case("resnext11_8x2d_cifar_w8", False, [1, 1, 1], 8, 2, 8, (3, 14, 18), (4, 4, 3), 6e-6), 300),
    (Case("imagenet_stem_8x2d_w4", True, [2, 1, 1, 2], 8, 2, 4, (3, 48, 48), (6, 6, 4), 1e-5), 532),
    (Case("preact_imagenet_stem_4x2d_w4", True, [2, 1, 1, 1], 4, 2, 4, (3, 48, 48), (6, 6, 4), 2e-5,
          preactivation=True), 1),
    (Case("wrn10_1_cifar", False, [1, 1, 1], 1, 16, 16, (3, 12, 12), (4, 4, 3), 6e-6, basic=True,
          preactivation=True, stem_width=16), 1),
    (Case("resnext14_2x4d_basic_cifar_w8_shortcut_a", False, [2, 2, 2], 2, 4, 8, (3, 12, 12),
          (4, 4, 3), 6e-6, smoothing=0.1, basic=True, shortcut="A"), 1),
    (Case("resnext11_4x2d_cifar_w4_shortcut_c", False, [1, 1, 1], 4, 2, 4, (3, 14, 14), (4, 4, 3),
          6e-6, shortcut="C"), 1),
    (Case("resnext11_4x2d_preact_cifar_w4_noshortcut", False, [1, 1, 1], 4, 2, 4, (3, 14, 14),
          (4, 4, 3), 6e-6, preactivation=True, shortcut="none"), 1),
    (Case("resnext11_4x2d_cifar_w4_noshortcut", False, [1, 1, 1], 4, 2, 4, (3, 14, 14), (4, 4, 3),
          6e-6, shortcut="none"), 1),
]


def main():
    torch.manual_seed(0)
    for case, seed in CASES:
        if len(sys.argv) < 2 or case.model in sys.argv[1:]:
            write(case, seed)


if __name__ == "__main__":
    main()
