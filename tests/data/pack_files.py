#!/usr/bin/python3
"""Makes small sources of images to pack under FOLDER: class folders (train, val), IDX pairs (plain
and gzipped) and CIFAR batches. Usage: pack_files.py FOLDER"""
import gzip
import os
import struct
import sys

import numpy as np
from PIL import Image

root = sys.argv[1]
rng = np.random.default_rng(3)


def folder(*parts):
    path = os.path.join(root, *parts)
    os.makedirs(path, exist_ok=True)
    return path


def image(path, size=(9, 7)):
    Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


for split, count in (("train", 6), ("val", 2)):
    for name in ("zebra", "ant", "bee é"):
        for i in range(count):
            image(os.path.join(folder(split, name), "%d.%s" % (i, ("png", "JPEG")[i % 2])))
open(os.path.join(folder("train", "ant"), ".DS_Store"), "w").close()

pixels = rng.integers(0, 256, (50, 5, 4), dtype=np.uint8)
labels = (np.arange(50) * 7 % 3).astype(np.uint8)
np.savez(os.path.join(root, "idx.npz"), pixels=pixels, labels=labels)
for name, opener, ending in (("idx", open, ""), ("idxgz", gzip.open, ".gz")):
    for split in ("train", "t10k"):
        with opener(os.path.join(folder(name), split + "-images-idx3-ubyte" + ending), "wb") as out:
            out.write(struct.pack(">BBBB3I", 0, 0, 8, 3, *pixels.shape) + pixels.tobytes())
        with opener(os.path.join(folder(name), split + "-labels-idx1-ubyte" + ending), "wb") as out:
            out.write(struct.pack(">BBBBI", 0, 0, 8, 1, 50) + labels.tobytes())

planes = rng.integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)
np.savez(os.path.join(root, "cifar.npz"), pixels=planes.transpose(0, 2, 3, 1))
for i in range(6):
    name = "test_batch.bin" if i == 5 else "data_batch_%d.bin" % (i + 1)
    with open(os.path.join(folder("cifar10"), name), "wb") as out:
        for j in (2 * i, 2 * i + 1):
            out.write(bytes([j % 10]) + planes[j].tobytes())
with open(os.path.join(folder("cifar10"), "batches.meta.txt"), "w") as out:
    out.write("\n".join("kind %d" % i for i in range(10)) + "\n\n")
for split in ("train", "test"):
    with open(os.path.join(folder("cifar100"), split + ".bin"), "wb") as out:
        for j in range(12):
            out.write(bytes([1, 99 - j]) + planes[j].tobytes())
with open(os.path.join(folder("cifar100"), "fine_label_names.txt"), "w") as out:
    out.write("\n".join("fine %d" % i for i in range(100)))
