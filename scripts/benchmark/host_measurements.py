"""What is measured by programs beside this file: the processor, reductions, the loader."""

import dataclasses
import json

import image_sets
import running
from measurements import Network


@dataclasses.dataclass(frozen=True)
class Peak:
    """What the processor can do with operands in registers, and what memory delivers."""
    threads: int

    def run(self, folder):
        report = json.loads(running.run([running.path_of("machine_peak"), self.threads]).out)
        fp32 = max(report["fp32"].values())
        sample = {"fp32_gflops": [fp32], "bf16_gflops": [max([fp32, *report["bf16"].values()])],
                  "triad_gbps": [report["triad_gbps"]]}
        for precision in ("fp32", "bf16"):
            for name, value in report[precision].items():
                sample[f"{precision}_{name}_gflops"] = [value]
        return sample


@dataclasses.dataclass(frozen=True)
class Reduction:
    """MPI_Allreduce of 100 MB, and the worker's own reductions of it with the update, in turn."""
    ranks: int

    def run(self, folder):
        return _reduction_rate(self.ranks, "--rounds", 5)


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Training steps with their reduction and without, and the reduction alone, in turn."""
    network: Network
    ranks: int
    steps: int

    def run(self, folder):
        network = self.network
        return _reduction_rate(self.ranks, "--model", network.model, "--batch", network.batch, "--image-size",
                               network.image_size, "--rounds", self.steps)


def _reduction_rate(ranks, *options):
    command = [*running.mpirun(ranks), running.path_of("reduction_rate"), *options]
    report = json.loads(running.run(command).out)
    report.pop("ranks")
    return report


@dataclasses.dataclass(frozen=True)
class LoaderRate:
    """Images/s of one thread: libjpeg-turbo's bare decode, and the loader's pipelines, in turn."""
    images: str  # a set of shards; empty: one is made of random photographs

    def run(self, folder):
        shards = self.images or image_sets.photographs(folder)
        report = json.loads(running.run([running.path_of("loader_rate"), shards]).out)
        return {name: value if isinstance(value, list) else [value] for name, value in report.items()
                if isinstance(value, (list, int, float))}
