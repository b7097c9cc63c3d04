#!/usr/bin/python3
"""Writes training_MODEL.h5: three training steps of small networks, computed by PyTorch in float64.

Needs Debian's python3-torch and python3-h5py. Run from anywhere; it writes beside itself. The networks
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

import pathlib

import h5py
import numpy
import torch
from torch import nn

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 1e-4
MAX_VALUES = 2000  # of one tensor; larger ones are thinned out


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, outputs, stride, groups):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        return self.relu3(self.bn3(self.conv3(x)) + shortcut)


class ResNeXt(nn.Module):
    def __init__(self, imagenet_stem, blocks, groups, width, base_width, channels, classes):
        super().__init__()
        self.conv1 = (nn.Conv2d(channels, base_width, 7, 2, 3, bias=False) if imagenet_stem else
                      nn.Conv2d(channels, base_width, 3, 1, 1, bias=False))
        self.bn1 = nn.BatchNorm2d(base_width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if imagenet_stem else nn.Identity()
        self.stages = len(blocks)
        features = base_width
        for stage, count in enumerate(blocks):
            outputs = 4 * base_width * 2 ** stage
            layer = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layer.append(Bottleneck(features, groups * width * 2 ** stage, outputs, stride, groups))
                features = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(features, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean(dim=(2, 3)))


def uniform(name, count):
    """Numbers in [0, 1), multiples of 2^-24, that depend on name and position alone."""
    seed = 0xCBF29CE484222325  # FNV-1a
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2 ** 64
    z = numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15) + numpy.uint64(seed)
    z ^= z >> numpy.uint64(32)
    z *= numpy.uint64(0xD6E8FEB86659FD93)
    z ^= z >> numpy.uint64(32)
    return (z >> numpy.uint64(40)).astype(numpy.float64) / 2 ** 24


def initial_values(name, tensor):
    """U(-b, b) with b = sqrt(6 / fan_in) for convolutions and fc; scales U(0.5, 1.5), but a tenth of
    that at a block's end (or deep networks amplify fp32's rounding past any tolerance); shifts
    U(-0.5, 0.5)."""
    u = uniform(name, tensor.numel())
    if tensor.dim() > 1:
        bound = numpy.sqrt(6.0 / tensor[0].numel())
        values = -bound + 2.0 * bound * u
    else:
        values = (0.5 if name.endswith("weight") else -0.5) + u
        if name.endswith("bn3.weight"):
            values = values * 0.1
    return torch.from_numpy(values.astype(numpy.float32).astype(numpy.float64)).reshape(tensor.shape)


class Case:
    """A network with its data and the three steps."""

    def __init__(self, model, imagenet_stem, blocks, groups, width, base_width, shape, batches,
                 margin):
        self.model, self.shape, self.batches, self.margin = model, shape, batches, margin
        self.classes = 10
        self.architecture = (imagenet_stem, blocks, groups, width, base_width, shape[0], self.classes)
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
        net = ResNeXt(*self.architecture).double()
        nearest = [numpy.inf]

        def watch(_, inputs):
            nearest[0] = min(nearest[0], inputs[0].detach().abs().min().item())
        for module in net.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_pre_hook(watch)
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(initial_values(name, parameter))
        optimiser = torch.optim.SGD(net.parameters(), LEARNING_RATE, MOMENTUM, dampening=0,
                                    weight_decay=WEIGHT_DECAY, nesterov=True)
        found = {}
        for i, (pixels, labels) in enumerate(steps):
            optimiser.zero_grad()
            logits = net(self.images(pixels))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels).long())
            loss.backward()
            found[f"step{i}/logits"] = logits
            found[f"step{i}/loss"] = loss
            if i == 0:
                found["step0/gradients"] = thin([p.grad for p in net.parameters()])
                found["step0/statistics"] = statistics(net)
            optimiser.step()
            if nearest[0] < self.margin:
                return None, nearest[0]
        found["end/parameters"] = thin(list(net.parameters()))
        found["end/statistics"] = statistics(net)
        trained_nearest = nearest[0]
        net.eval()
        found["end/logits"] = net(self.images(steps[0][0]))
        self.net = net
        return found, trained_nearest


def stride_of(tensor):
    return -(-tensor.numel() // MAX_VALUES) | 1 if tensor.numel() > MAX_VALUES else 1


def thin(tensors):
    return torch.cat([t.detach().flatten()[::stride_of(t)] for t in tensors])


def statistics(net):
    return torch.cat([b for n, b in net.named_buffers() if "running" in n]).clone()


def write(case, seed):
    # Where a ReLU's input is nearly zero, rounding decides whether the gradient passes; a comparison
    # of fp32 with float64 is only meaningful where no input is.
    while True:
        steps = case.draw(seed)
        found, nearest = case.run(steps)
        if found is not None:
            break
        seed += 1
    path = pathlib.Path(__file__).with_name(f"training_{case.model}.h5")
    with h5py.File(path, "w", track_order=False) as file:
        imagenet_stem, blocks, groups, width, base_width = case.architecture[:5]
        file.attrs["imagenet_stem"], file["blocks"] = imagenet_stem, numpy.int64(blocks)
        file.attrs["groups"], file.attrs["group_width"] = groups, width
        file.attrs["base_width"] = base_width
        file.attrs["channels"], file.attrs["height"], file.attrs["width"] = case.shape
        file.attrs["classes"] = case.classes
        file.attrs["learning_rate"] = LEARNING_RATE
        file.attrs["momentum"] = MOMENTUM
        file.attrs["weight_decay"] = WEIGHT_DECAY
        file.attrs["torch"] = str(torch.__version__)
        file["mean"], file["deviation"] = case.mean, case.deviation
        parameters = list(case.net.named_parameters())
        buffers = [(n, b) for n, b in case.net.named_buffers() if "running" in n]
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


def main():
    torch.manual_seed(0)
    write(Case("resnet11_cifar_w8", False, [1, 1, 1], 1, 8, 8, (3, 16, 16), (4, 4, 3), 6e-6), 102)
    write(Case("resnext20_4x4d_cifar_w8", False, [2, 2, 2], 4, 4, 8, (1, 15, 15), (5, 5, 3), 6e-6), 479)
    write(Case("resnext11_8x2d_cifar_w8", False, [1, 1, 1], 8, 2, 8, (3, 14, 18), (4, 4, 3), 6e-6), 300)
    write(Case("imagenet_stem_8x2d_w4", True, [2, 1, 1, 2], 8, 2, 4, (3, 48, 48), (6, 6, 4), 1e-5), 532)


if __name__ == "__main__":
    main()
