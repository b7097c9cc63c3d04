"""PyTorch's side, run as a child under the Python that has it: seconds of each step, as JSON.

    python3 pytorch_side.py '{"mode": "training", "model": "resnext50_32x4d", "batch": 16, ...}'
"""

import json
import sys
import time

FAILURE, NO_PYTORCH = 1, 3
ABSENT = ("PyTorch is not there for {}: run scripts/install_packages.sh benchmark, or give a Python that has it: "
          "PYTHON=/path/to/python3 scripts/benchmark.sh")


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def make_step(torch, settings):
    """A function that does one step, and the network."""
    import pytorch_model

    net = pytorch_model.make(settings["model"], settings["channels"], settings["classes"])
    layout = torch.channels_last if settings["layout"] == "channels_last" else torch.contiguous_format
    net = net.to(memory_format=layout)
    size = settings["image_size"]
    images = torch.randn(settings["batch"], settings["channels"], size, size).to(memory_format=layout)
    labels = torch.randint(0, settings["classes"], (settings["batch"],))
    bf16 = settings["precision"] == "bf16"

    def forward():
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return net(images)

    if settings["mode"] == "evaluation":
        net.eval()

        def evaluate():
            with torch.inference_mode():
                forward()

        return evaluate, net
    optimiser = torch.optim.SGD(net.parameters(), 0.01, 0.9, weight_decay=1e-4, nesterov=True)

    def train():
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(forward().float(), labels).backward()
        optimiser.step()

    return train, net


def measure(torch, settings):
    """One step untimed, then `steps` of them; fewer where they last longer than `limit` seconds together."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    step, net = make_step(torch, settings)
    step()
    seconds, begin = [], time.perf_counter()
    while len(seconds) < settings["steps"] and (not seconds or time.perf_counter() - begin < settings["limit"]):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {"version": torch.__version__, "parameters": sum(p.numel() for p in net.parameters()),
            "seconds": seconds, "peak_bytes": peak_bytes()}


def main():
    try:
        import torch
    except ImportError:
        print(f"pytorch_side.py: error: {ABSENT.format(sys.executable)}", file=sys.stderr)
        return NO_PYTORCH
    try:
        print(json.dumps(measure(torch, json.loads(sys.argv[1]))))
    except (RuntimeError, ValueError) as error:
        print(f"pytorch_side.py: error: PyTorch {torch.__version__}: {str(error).splitlines()[0]}", file=sys.stderr)
        return FAILURE
    return 0


if __name__ == "__main__":
    sys.exit(main())
