#!/usr/bin/python3
"""Turns a PyTorch file of weights (.pth, .pt) into safetensors, which the worker's --init reads.

Runs where PyTorch is installed; needs nothing else but NumPy. Takes a state_dict, or a dictionary that has
one as 'state_dict', 'model' or 'model_ema' (the first there is, or what --key says).
"""

import argparse
import json
import os
import struct
import sys

KEYS = ("state_dict", "model", "model_ema")
ALIGNMENT = 8


class Failure(Exception):
    """One line for the user."""


def import_torch():
    try:
        import torch
    except ImportError as error:
        raise Failure(f"PyTorch is not installed here ({error}); run this script where it is, e.g. after "
                      "'apt-get install python3-torch', and bring its output back") from None
    return torch


def load(torch, path, trusted):
    """What torch.save wrote, on the CPU."""
    try:
        return torch.load(path, map_location="cpu", weights_only=not trusted)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None
    except TypeError:
        raise Failure("this PyTorch is too old to load weights only; use 1.13 or later, or --trust if you know "
                      "where the file is from") from None
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        hint = "" if trusted else "; if it holds more than tensors and you know where it is from, use --trust"
        raise Failure(f"{path}: cannot be loaded: {reason}{hint}") from None


def find_state_dict(content, key, path):
    if not isinstance(content, dict):
        raise Failure(f"{path}: holds a {type(content).__name__}, not a state_dict; save model.state_dict()")
    candidates = [key] if key else [name for name in KEYS if isinstance(content.get(name), dict)]
    if not candidates:
        return content
    if not isinstance(content.get(candidates[0]), dict):
        raise Failure(f"{path}: has no dictionary '{key}'; it has: {', '.join(map(str, content))[:200]}")
    return content[candidates[0]]


def tensors_of(torch, state, path):
    """The tensors by name, without what wrappers add to the names (DistributedDataParallel) or as entries."""
    tensors = {name: value for name, value in state.items() if name != "n_averaged"}  # of an averaged model
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise Failure(f"{path}: '{name}' is a {type(value).__name__}, not a tensor: this is no state_dict")
    if not tensors:
        raise Failure(f"{path}: holds no tensors")
    if all(name.startswith("module.") for name in tensors):
        tensors = {name[len("module."):]: value for name, value in tensors.items()}
    return tensors


def dtype_of(torch, tensor, name):
    """The tensor's type by safetensors' name."""
    names = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
             torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
             torch.bool: "BOOL"}
    if tensor.dtype not in names or tensor.layout != torch.strided:
        raise Failure(f"'{name}' is a tensor of {tensor.dtype}, {tensor.layout}, which safetensors cannot hold")
    return names[tensor.dtype]


def bytes_of(torch, tensor):
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:  # NumPy has no such type
        tensor = tensor.view(torch.int16)
    array = tensor.numpy()
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def write(torch, tensors, path):
    """Through a temporary name: `path` is whole or not there."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": dtype_of(torch, tensor, name), "shape": list(tensor.shape),
                        "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    partial = path + ".partial"
    try:
        with open(partial, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors.values():
                file.write(bytes_of(torch, tensor))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def convert(arguments):
    if os.path.exists(arguments.output) and not arguments.force:
        raise Failure(f"'{arguments.output}' exists; --force replaces it")
    torch = import_torch()
    content = load(torch, arguments.input, arguments.trust)
    tensors = tensors_of(torch, find_state_dict(content, arguments.key, arguments.input), arguments.input)
    write(torch, tensors, arguments.output)
    print(f"{arguments.output}: {len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} values")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", metavar="IN.pth")
    parser.add_argument("output", metavar="OUT.safetensors")
    parser.add_argument("--key", help="entry of the file that is the state_dict, e.g. model_ema")
    parser.add_argument("--trust", action="store_true",
                        help="load files with more than tensors in them; such a file can run any code")
    parser.add_argument("--force", action="store_true", help="replace OUT.safetensors if it exists")
    try:
        convert(parser.parse_args())
    except Failure as failure:
        sys.exit(f"pth_to_safetensors.py: error: {failure}")


if __name__ == "__main__":
    main()
