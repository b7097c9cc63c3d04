"""Weights that depend on a tensor's name alone, and a writer of safetensors: NumPy only, nothing of ours.

Golden scripts put such values into networks of PyTorch; tests make the same without it.
"""

import json
import struct

import numpy

LITTLE_ENDIAN = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}


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


def values(name, shape):
    """U(-b, b) with b = sqrt(6 / fan_in) for convolutions and fc; scales and variances U(0.5, 1.5), but a
    block's last scale a tenth of that (or rounding is amplified); shifts and means U(-0.5, 0.5)."""
    if name.endswith("num_batches_tracked"):
        return numpy.array(7, numpy.int64)
    u = uniform(name, int(numpy.prod(shape)))
    if len(shape) > 1:
        bound = numpy.sqrt(6.0 / numpy.prod(shape[1:]))
        u = bound * (2.0 * u - 1.0)
    else:
        u += 0.5 if name.endswith(("weight", "running_var")) else -0.5
        if name.endswith("bn3.weight"):
            u *= 0.1
    return u.astype(numpy.float32).reshape(shape)


def write_safetensors(path, tensors, metadata=None):
    """`tensors`: NumPy arrays by name, or (dtype, shape, bytes)."""
    header, blobs, end = {}, [], 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        if not isinstance(tensor, tuple):
            dtype = next(key for key, code in LITTLE_ENDIAN.items() if tensor.dtype == numpy.dtype(code))
            tensor = dtype, list(tensor.shape), tensor.astype(LITTLE_ENDIAN[dtype]).tobytes()
        dtype, shape, blob = tensor
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(blob)]}
        blobs.append(blob)
        end += len(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    """Arrays by name in the file's order, and the metadata."""
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", None)
    entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    return {name: numpy.frombuffer(data[slice(*entry["data_offsets"])],
                                   LITTLE_ENDIAN[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in entries}, metadata
