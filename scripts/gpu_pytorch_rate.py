#!/usr/bin/python3
"""PyTorch's images/s of whole training steps on one GPU: bf16 autocast, channels last, SGD with Nesterov momentum.

    scripts/gpu_pytorch_rate.py MODEL BATCH STEPS      exit code 3 without PyTorch on a GPU

Prints {"eager": images/s, "cuda_graph": images/s}: as most people write it, and replayed as one CUDA graph, which
leaves out what Python takes to issue a step. The same images are used again and again, and are on the GPU."""

import json
import pathlib
import sys
import time

try:
    import torch
except ImportError:
    sys.exit(3)
if not torch.cuda.is_available():
    sys.exit(3)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "benchmark"))
import pytorch_model  # noqa: E402

WARM_UP = 10  # steps: cuDNN's algorithms are chosen


class Training:
    def __init__(self, model, batch):
        self.net = pytorch_model.make(model, 3, 1000).cuda().train().to(memory_format=torch.channels_last)
        self.images = torch.randn(batch, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
        self.labels = torch.randint(0, 1000, (batch,), device="cuda")
        self.optimiser = torch.optim.SGD(self.net.parameters(), 0.01, 0.9, weight_decay=1e-4, nesterov=True)

    def step(self, keeps_casts=True):
        self.optimiser.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=keeps_casts):
            loss = torch.nn.functional.cross_entropy(self.net(self.images), self.labels)
        loss.backward()
        self.optimiser.step()

    def graph(self):
        """A step as one CUDA graph, as PyTorch's documentation records it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step(keeps_casts=False)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step(keeps_casts=False)
        return graph


def images_per_second(step, batch, steps):
    for _ in range(WARM_UP):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return batch * steps / (time.perf_counter() - start)


def main():
    model, batch, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.backends.cudnn.benchmark = True
    training = Training(model, batch)
    rates = {"eager": images_per_second(training.step, batch, steps),
             "cuda_graph": images_per_second(training.graph().replay, batch, steps)}
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
