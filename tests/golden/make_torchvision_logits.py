#!/usr/bin/python3
"""Writes torchvision_logits.h5: what torchvision's ResNeXt makes of images, with weights that a test can make.

Needs Debian's python3-torchvision and python3-h5py. Run from anywhere; it writes beside itself. The model is
torchvision's ResNet class with the blocks of ResNeXt-50 and few groups, here called resnext50_2x2d; its weights
are those of formula_weights.py. The weights also go the user's way, torch.save and pth_to_safetensors.py, and
must come out as formula_weights.py alone writes them. In the file:
  attributes  model, names of the state_dict in its order, torchvision (version)
  shapes      of the state_dict's tensors, padded with -1
  images      float32 (N, 3, H, W), normalised
  logits      float32 (N, classes), evaluation mode, computed in float64

With arguments MODEL DIR: makes a full-size model of torchvision (random weights, running statistics of a few
random batches) and writes DIR/MODEL.pth, .safetensors and .h5 (images, logits), to compare by hand.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
import torchvision
from torchvision.models.resnet import Bottleneck, ResNet

import formula_weights

HERE = pathlib.Path(__file__).parent
CONVERTER = HERE.parent.parent / "scripts" / "pth_to_safetensors.py"


def logits_of(model, images):
    with torch.no_grad():
        return model.double().eval()(torch.from_numpy(images).double()).float().numpy()


def convert(model, pth, safetensors):
    torch.save(model.state_dict(), pth)
    subprocess.run([CONVERTER, pth, safetensors], check=True)


def check_conversion(model):
    """The converter's file has just the formula's tensors, in the state_dict's order."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.safetensors")
        convert(model, os.path.join(folder, "model.pth"), path)
        tensors, metadata = formula_weights.read_safetensors(path)
    assert metadata == {"format": "pt"}, metadata
    assert list(tensors) == list(model.state_dict())
    for name, tensor in tensors.items():
        numpy.testing.assert_array_equal(tensor, formula_weights.values(name, tensor.shape))


def make_golden():
    model = ResNet(Bottleneck, [3, 4, 6, 3], num_classes=10, groups=2, width_per_group=2)
    state = model.state_dict()
    for name, tensor in state.items():
        tensor.copy_(torch.from_numpy(formula_weights.values(name, tuple(tensor.shape))))
    check_conversion(model)
    images = formula_weights.uniform("images", 2 * 3 * 64 * 96).reshape(2, 3, 64, 96)
    images = numpy.round(256 * (4 * images - 2)).astype(numpy.float32) / 256
    path = HERE / "torchvision_logits.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model"] = "resnext50_2x2d"
        file.attrs["torchvision"] = torchvision.__version__
        file.attrs["names"] = list(state)
        file["shapes"] = numpy.array([[*t.shape, *[-1] * (4 - t.dim())] for t in state.values()], numpy.int64)
        file.create_dataset("images", data=images, compression="gzip", shuffle=True)
        file["logits"] = logits_of(model, images)
        print(file["logits"][()])
    print(path.stat().st_size, "bytes")


def make_full_size(name, folder):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)()
    with torch.no_grad():  # running statistics that are those of data
        for _ in range(20):
            model(torch.randn(8, 3, 224, 224))
    path = os.path.join(folder, name)
    convert(model, path + ".pth", path + ".safetensors")
    images = torch.randn(4, 3, 224, 224).numpy()
    with h5py.File(path + ".h5", "w") as file:
        file["images"], file["logits"] = images, logits_of(model, images)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        make_full_size(*sys.argv[1:])
    else:
        make_golden()
