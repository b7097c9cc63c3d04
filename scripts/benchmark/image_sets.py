"""Shards to measure with, made once in the folder of a benchmark."""

import io
import os
import pathlib
import sys
import zlib

import h5py
import numpy as np
from PIL import Image

import running

# The tests write shards by the documentation of their format; their modules look for the programs there.
for _name in ("worker", "data", "launch"):
    os.environ.setdefault(f"RESNEXT_{_name.upper()}", str(running.BUILD / running.PLACES[f"resnext-{_name}"]))
sys.path.insert(1, str(running.ROOT / "tests/system"))
import datasets  # noqa: E402

PER_SHARD = 1281  # ImageNet's training set in 1,000 shards
PHOTOGRAPHS = 64


def random_images(folder, side, channels, classes, images):
    """Raw pixels; the path of the set."""
    name = f"random-{side}x{channels}-{classes}-{images}"
    path = pathlib.Path(folder, "shards", name)
    if not list(path.parent.glob(name + "-*.h5")):
        draw = np.random.default_rng(0)
        pixels = draw.integers(0, 256, (images, side, side, channels), dtype=np.uint8)
        datasets.write_raw_shard(str(path.parent), name, pixels, draw.integers(0, classes, images), class_names(classes))
    return str(path)


def class_names(count):
    return [f"class{i:04}" for i in range(count)]


def jpeg(height, width, draw):
    """A smooth random picture with some noise, which compresses about as a photograph does."""
    small = draw.integers(0, 256, (max(2, height // 12), max(2, width // 12), 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize((width, height), Image.BICUBIC), dtype=np.float64)
    pixels = np.clip(pixels + draw.normal(0, 9, pixels.shape), 0, 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=92)
    return encoded.getvalue()


def photographs(folder):
    """JPEGs of ImageNet's usual size; the path of the set."""
    path = pathlib.Path(folder, "shards", "photographs")
    if not list(path.parent.glob("photographs-*.h5")):
        draw = np.random.default_rng(0)
        images = [jpeg(*((375, 500) if i % 4 else (500, 375)), draw) for i in range(PHOTOGRAPHS)]
        write_encoded_shards(path, images, list(range(PHOTOGRAPHS)), class_names(PHOTOGRAPHS), 1, PHOTOGRAPHS)
    return str(path)


def many_shards(folder, shards):
    """As many samples as ImageNet has in as many shards, though of small JPEGs; the path of the set."""
    path = pathlib.Path(folder, "shards", "many")
    if not list(path.parent.glob("many-*.h5")):
        draw = np.random.default_rng(0)
        images = [jpeg(32, 32, draw) for _ in range(16)]
        labels = draw.integers(0, 1000, shards * PER_SHARD)
        write_encoded_shards(path, images, labels, class_names(1000), shards, PER_SHARD)
    return str(path)


def write_encoded_shards(path, images, labels, names, shards, per_shard):
    """A set by data/README.md alone, which takes its `images` over and over again."""
    labels = np.asarray(labels, dtype="<i4")
    which = np.arange(len(labels)) % len(images)
    crcs = {(i, label): zlib.crc32(np.int32(label).tobytes(), zlib.crc32(images[i]))
            for i, label in set(zip(which.tolist(), labels.tolist()))}
    checksums = np.array([crcs[key] for key in zip(which.tolist(), labels.tolist())], dtype="<u4")
    lengths = np.array([len(image) for image in images], dtype="<u8")
    set_attributes = {"format": "resnext-shard", "set_name": path.name, "encoding": "encoded", "format_version": 1,
                      "shard_count": shards, "total_samples": len(labels), "samples": per_shard,
                      "identity": datasets.identity(names, checksums)}
    path.parent.mkdir(parents=True, exist_ok=True)
    for index in range(shards):
        own = slice(index * per_shard, (index + 1) * per_shard)
        offsets = np.concatenate([[0], np.cumsum(lengths[which[own]])]).astype("<u8")
        index_bytes = labels[own].tobytes() + checksums[own].tobytes() + offsets.tobytes()
        attributes = set_attributes | {"shard_index": index, "first_sample": own.start,
                                       "index_checksum": zlib.crc32(index_bytes)}
        with h5py.File(f"{path}-{index:05}-of-{shards:05}.h5", "w") as shard:
            shard["images/bytes"] = np.frombuffer(b"".join(images[i] for i in which[own]), dtype=np.uint8)
            shard["images/offsets"], shard["labels"], shard["checksums"] = offsets, labels[own], checksums[own]
            for key, value in attributes.items():
                shard.attrs[key] = np.bytes_(value.encode()) if isinstance(value, str) else np.int64(value)
            shard.attrs["class_names"] = np.array([name.encode() for name in names])
