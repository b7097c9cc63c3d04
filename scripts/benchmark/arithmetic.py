"""From raw samples to the figures of a row. README.md derives each."""

import dataclasses
import statistics

BACKWARD_AND_FORWARD = 3  # training costs three forward passes: d(input) and d(weights) cost one each


@dataclasses.dataclass
class Figures:
    """Of one row, one entry for each round. A list is empty where there is no such figure."""
    ours: list
    theirs: list
    ratio: list
    mfu: list = dataclasses.field(default_factory=list)
    unit: str = ""
    theirs_missing: str = ""  # why there is no comparison
    note: str = ""


def median(values):
    return statistics.median(values) if values else None


def rate(sample):
    """Images/s: the images of a step over its median time."""
    return sample["images"][0] / statistics.median(sample["seconds"])


def step(sample):
    """Seconds of a step for each image, so that other batches compare."""
    return 1 / rate(sample)


def mfu(images_per_second, forward_flop, passes, peak_gflops):
    """The share of the machine's peak that the network's own arithmetic takes."""
    return passes * forward_flop * images_per_second / (1e9 * peak_gflops)


def ratios(over, under):
    """Round by round, so that a machine whose speed drifts favours nobody."""
    return [a / b for a, b in zip(over, under, strict=True)]


def hidden_share(with_reduction, without, reduction):
    """Of the time that a reduction takes by itself, what does not lengthen the step; medians of interleaved rounds."""
    exposed = statistics.median(with_reduction) - statistics.median(without)
    return 1 - exposed / statistics.median(reduction)
