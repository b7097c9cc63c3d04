"""The weights and images of the full-size comparison, as closed formulas: no file has to hold them.

Used by make_full_size_golden.py, which needs PyTorch, and by tests/system/pytorch_test.py, which does not.
"""

import numpy

from formula_weights import uniform

REPLICAS, BATCH_PER_REPLICA, STEPS = 2, 4, 5
# The last of the five steps is a partial batch: 3 images for replica 0, 2 for replica 1.
IMAGES = REPLICAS * BATCH_PER_REPLICA * (STEPS - 1) + 5
SIDE, CLASSES = 224, 1000
# A rate so low that five steps in single precision do not drift apart of themselves, and a decay so high that
# leaving it out would show.
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.0002, 0.9, 0.02
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KEPT = 40  # values of each tensor that the golden file holds


def initial_values(name, shape):
    """He's bound for convolutions and fc; batch-norm scales in (0.5, 1.5), but a fifth of that at a
    block's end, or depth amplifies every rounding past any tolerance; shifts in (-0.25, 0.25)."""
    u = uniform(name, int(numpy.prod(shape)))
    if len(shape) > 1:
        bound = numpy.sqrt(6.0 / numpy.prod(shape[1:]))
        values = -bound + 2 * bound * u
    elif name.endswith("weight"):
        values = (0.5 + u) * (0.2 if name.endswith("bn3.weight") else 1.0)
    else:
        values = (u - 0.5) / 2
    return values.astype(numpy.float32).reshape(shape)


def pixels():
    """(N, H, W, C) bytes: coarse blocks with fine noise, so that all scales of a network see something."""
    blocks = uniform("blocks", IMAGES * 14 * 14 * 3).reshape(IMAGES, 14, 14, 3)
    coarse = blocks.repeat(16, axis=1).repeat(16, axis=2)
    noise = uniform("noise", IMAGES * SIDE * SIDE * 3).reshape(IMAGES, SIDE, SIDE, 3)
    return (256 * (0.75 * coarse + 0.25 * noise)).astype(numpy.uint8)


def labels():
    return (uniform("labels", IMAGES) * CLASSES).astype(numpy.int32)


def normalised(images):
    """(N, C, H, W) in float64."""
    scaled = (images / 255.0 - numpy.float32(MEAN).astype("f8")) / numpy.float32(DEVIATION).astype("f8")
    return numpy.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def replica_batches(step):
    """Sample numbers of each replica at `step`: consecutive, the first replicas take what is over."""
    first = step * REPLICAS * BATCH_PER_REPLICA
    count = min(REPLICAS * BATCH_PER_REPLICA, IMAGES - first)
    batches = []
    for replica in range(REPLICAS):
        size = count // REPLICAS + (1 if replica < count % REPLICAS else 0)
        batches.append(numpy.arange(first, first + size))
        first += size
    return batches


def kept(values):
    """The values of a tensor that are compared, spread over all of it."""
    flat = values.reshape(-1)
    return flat[:: max(1, -(-flat.size // KEPT))]
