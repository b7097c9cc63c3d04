#!/usr/bin/python3
"""PyTorch's images/s of whole training steps on one GPU: bf16 autocast, channels last, SGD with Nesterov momentum.

    scripts/gpu_pytorch_rate.py MODEL BATCH STEPS      prints one number; exit code 3 without PyTorch on a GPU"""

import pathlib
import re
import sys
import time

try:
    import torch
except ImportError:
    sys.exit(3)
if not torch.cuda.is_available():
    sys.exit(3)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/golden"))
from make_training_golden import Architecture, ResNeXt  # noqa: E402

BLOCKS = {"50": [3, 4, 6, 3], "101": [3, 4, 23, 3]}


def network(model):
    depth, _, cardinality, width = re.fullmatch(r"resne[x]?t(50|101)(_(\d+)x(\d+)d)?", model).groups()
    return ResNeXt(Architecture(True, BLOCKS[depth], int(cardinality or 1), int(width or 64), 64, 3, 1000))


def main():
    model, batch, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.backends.cudnn.benchmark = True
    net = network(model).cuda().train().to(memory_format=torch.channels_last)
    images = torch.randn(batch, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device="cuda")
    optimiser = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=1e-4, nesterov=True)
    for step in range(steps + 10):
        if step == 10:  # warm, and its algorithms chosen
            torch.cuda.synchronize()
            start = time.perf_counter()
        optimiser.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimiser.step()
    torch.cuda.synchronize()
    print(batch * steps / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
