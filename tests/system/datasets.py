"""Small sets of images that a net can learn, written in the formats that users have."""

import os
import struct
import zlib

import h5py
import numpy as np
from PIL import Image

import programs


def _pattern(label, size, channels, rng):
    """A wave whose direction tells the class, with noise."""
    y, x = np.mgrid[0:size[0], 0:size[1]]
    angle = label * np.pi / 5
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.7 + rng.uniform(0, 1))
    image = 128 + 80 * wave[..., None] + rng.normal(0, 20, (*size, channels))
    return np.clip(image, 0, 255).astype(np.uint8)


def make_idx(folder, images, classes=5, side=16, split="train", seed=0):
    """Grey images as IDX files, as MNIST has them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pixels = np.stack([_pattern(label, (side, side), 1, rng)[..., 0] for label in labels])
    prefix = {"train": "train", "test": "t10k"}[split]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{prefix}-images-idx3-ubyte"), "wb") as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, images, side, side) + pixels.tobytes())
    with open(os.path.join(folder, f"{prefix}-labels-idx1-ubyte"), "wb") as file:
        file.write(struct.pack(">BBBBI", 0, 0, 8, 1, images) + labels.astype(np.uint8).tobytes())


def make_jpeg_folders(folder, images, classes=5, smallest=40, largest=70, seed=0):
    """Colour JPEGs of all sizes in class folders."""
    rng = np.random.default_rng(seed)
    for index in range(images):
        size = rng.integers(smallest, largest + 1, 2)
        image = Image.fromarray(_pattern(index % classes, tuple(size), 3, rng))
        path = os.path.join(folder, f"class{index % classes:03}", f"{index:04}.JPEG")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        image.save(path, "JPEG", quality=90)


def pack_idx(folder, images, **options):
    """Makes an IDX set and packs it into FOLDER/shards as the set of its split; returns its path."""
    split = options.get("split", "train")
    make_idx(os.path.join(folder, "idx"), images, **options)
    shards = os.path.join(folder, "shards")
    programs.pack(os.path.join(folder, "idx"), shards, "--split", split)
    return os.path.join(shards, split)


def pack_jpegs(folder, images, name="train", shards=2, **options):
    source = os.path.join(folder, "images-" + name)
    make_jpeg_folders(source, images, **options)
    out = os.path.join(folder, "shards")
    programs.pack(source, out, "--name", name, "--shards", str(shards))
    return os.path.join(out, name)


def identity(class_names, checksums):
    """FNV-1a, as data/README.md defines it."""
    value = 0xCBF29CE484222325
    for byte in b"".join(name.encode() + b"\0" for name in class_names) + checksums.astype("<u4").tobytes():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def write_first_samples(path, shards, count):
    """Writes the first samples of an encoded set, with all its classes, as a set of its own: by data/README.md alone."""
    source_path = f"{shards}-00000-of-00001.h5"
    with h5py.File(source_path, "r") as source, h5py.File(path, "w") as shard:
        offsets = source["images/offsets"][:count + 1]
        checksums = source["checksums"][:count]
        labels = source["labels"][:count]
        shard["images/bytes"] = source["images/bytes"][:offsets[-1]]
        shard["images/offsets"], shard["labels"], shard["checksums"] = offsets, labels, checksums
        for name, value in source.attrs.items():
            shard.attrs[name] = value
        shard.attrs["set_name"] = np.bytes_(b"few")
        for name in ("samples", "total_samples"):
            shard.attrs[name] = np.int64(count)
        index = labels.tobytes() + checksums.tobytes() + offsets.tobytes()
        shard.attrs["index_checksum"] = np.int64(zlib.crc32(index))
        names = [name.decode() for name in source.attrs["class_names"]]
        shard.attrs["identity"] = np.bytes_(identity(names, checksums).encode())


def write_raw_shard(folder, name, pixels, labels, class_names):
    """Packs pixels (N, H, W, C) into the one shard of a set, by data/README.md alone; returns the set's path."""
    labels = np.asarray(labels, dtype="<i4")
    checksums = np.array([zlib.crc32(label.tobytes(), zlib.crc32(image.tobytes()))
                          for image, label in zip(pixels, labels)], dtype="<u4")
    os.makedirs(folder, exist_ok=True)
    with h5py.File(os.path.join(folder, f"{name}-00000-of-00001.h5"), "w") as shard:
        shard["images/pixels"], shard["labels"], shard["checksums"] = pixels, labels, checksums
        integers = {"format_version": 1, "shard_index": 0, "shard_count": 1, "samples": len(labels),
                    "first_sample": 0, "total_samples": len(labels), "height": pixels.shape[1],
                    "width": pixels.shape[2], "channels": pixels.shape[3],
                    "index_checksum": zlib.crc32(labels.tobytes() + checksums.tobytes())}
        for key, value in integers.items():
            shard.attrs[key] = np.int64(value)
        texts = {"format": "resnext-shard", "set_name": name, "encoding": "raw",
                 "identity": identity(class_names, checksums)}
        for key, value in texts.items():
            shard.attrs[key] = np.bytes_(value.encode())
        shard.attrs["class_names"] = np.array([c.encode() for c in class_names])
    return os.path.join(folder, name)
