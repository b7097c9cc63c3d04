"""Re-states in NumPy the transforms of the published Torch code (fb.resnet.torch,
datasets/transforms.lua and Torch's image package), with what is drawn at random given.

    torch_transforms.py photo FILE HEIGHT WIDTH     makes a picture
    torch_transforms.py apply IMAGE CHAINS OUTPUT   applies each line of CHAINS, such as
        crop 3 4 100 120; scale 224 224; saturation 0.8; hflip
    to the image, and appends the result to OUTPUT as float64, (C, H, W) or (N, C, H, W)
"""
import math
import sys

import numpy as np
from PIL import Image, ImageDraw


def photo(file, height, width):
    """Smooth light, sharp bright and dark shapes, fine texture."""
    random = np.random.RandomState(int(height) * 10007 + int(width))
    y, x = np.mgrid[0:int(height), 0:int(width)] / max(int(height), int(width))
    light = np.stack([np.sin(7 * x + c) * np.cos(5 * y - c) for c in range(3)], axis=-1)
    image = Image.fromarray(np.uint8(128 + 90 * light))
    draw = ImageDraw.Draw(image)
    for _ in range(30):
        left, top = random.randint(0, int(width)), random.randint(0, int(height))
        box = [left, top, left + random.randint(5, 90), top + random.randint(5, 90)]
        colour = tuple(int(v) for v in random.choice([0, 20, 128, 250, 255], 3))
        (draw.ellipse if random.rand() < 0.5 else draw.rectangle)(box, fill=colour)
    texture = random.normal(0, 6, (int(height), int(width), 3))
    image = Image.fromarray(np.uint8(np.clip(np.asarray(image) + texture, 0, 255)))
    image.save(file, **({'quality': 92} if file.endswith('.jpg') else {}))


# ---- Torch's image package: image.c, scaleBicubic of a FloatTensor ----

def cubic_line(line, length):
    """Along axis 0."""
    count = len(line)
    if count == length:
        return line
    if count == 1:
        return np.repeat(line, length, axis=0)
    step = np.float32(count - 1) / np.float32(max(length - 1, 1))
    output = np.empty((length,) + line.shape[1:])
    for i in range(length - 1):
        position = np.float32(i) * step
        left = int(position)
        t = float(position - np.float32(left))
        p1, p2 = line[left], line[left + 1]
        p0 = line[left - 1] if left > 0 else 2 * p1 - p2
        p3 = line[left + 2] if left + 2 < count else 2 * p2 - p1
        a1 = (p2 - p0) / 2
        a2 = p0 - 5 / 2 * p1 + 2 * p2 - p3 / 2
        a3 = -p0 / 2 + 3 / 2 * p1 - 3 / 2 * p2 + p3 / 2
        output[i] = p1 + t * (a1 + t * (a2 + a3 * t))
    output[-1] = line[-1]
    return output


def scale(image, width, height):
    rows = cubic_line(image.transpose(2, 0, 1), int(width)).transpose(1, 2, 0)
    return cubic_line(rows.transpose(1, 0, 2), int(height)).transpose(1, 0, 2)


def crop(image, x1, y1, x2, y2):
    assert 0 <= x1 < x2 <= image.shape[2] and 0 <= y1 < y2 <= image.shape[1]
    return image[:, y1:y2, x1:x2]


def hflip(image):
    return image[:, :, ::-1]


# ---- transforms.lua ----

def scaled_size(height, width, size):
    """Lua's numbers are doubles; the tensor's size is what is before the point."""
    if (width <= height and width == size) or (height <= width and height == size):
        return height, width
    if width < height:
        return int(height / width * size), size
    return size, int(width / height * size)


def scale_shorter(image, size):
    height, width = scaled_size(*image.shape[1:], int(size))
    return scale(image, width, height)


def centre_crop(image, size):
    size = int(size)
    left = math.ceil((image.shape[2] - size) / 2)
    top = math.ceil((image.shape[1] - size) / 2)
    return crop(image, left, top, left + size, top + size)


def ten_crop(image, size):
    size = int(size)
    _, h, w = image.shape
    views = []
    for side in (image, hflip(image)):
        views.append(centre_crop(side, size))
        views.append(crop(side, 0, 0, size, size))
        views.append(crop(side, w - size, 0, w, size))
        views.append(crop(side, 0, h - size, size, h))
        views.append(crop(side, w - size, h - size, w, h))
    return np.stack(views)


def crop_window(image, y, x, height, width):
    y, x, height, width = int(y), int(x), int(height), int(width)
    return crop(image, x, y, x + width, y + height)


def blend(image, other, alpha):
    return image * float(alpha) + (1 - float(alpha)) * other


def grey(image):
    return 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]


def lighting(image, *alphas):
    values = np.array([0.2175, 0.0188, 0.0045])
    vectors = np.array([[-0.5675, 0.7192, 0.4009],
                        [-0.5808, -0.0045, -0.8140],
                        [-0.5836, -0.6948, 0.4203]])
    shift = (vectors * np.array(alphas, np.float64)[None, :] * values[None, :]).sum(axis=1)
    return image + shift[:, None, None]


def normalise(image, *statistics):
    mean, deviation = np.array(statistics, np.float64).reshape(2, -1, 1, 1)
    return (image - mean) / deviation


STEPS = {
    'scale': scale,
    'scale_shorter': scale_shorter,
    'centre_crop': centre_crop,
    'ten_crop': ten_crop,
    'crop': crop_window,
    'brightness': lambda image, alpha: blend(image, np.zeros_like(image), alpha),
    'contrast': lambda image, alpha: blend(image, grey(image).mean(), alpha),
    'saturation': lambda image, alpha: blend(image, grey(image), alpha),
    'lighting': lighting,
    'normalise': normalise,
    'hflip': hflip,
}


def apply(image, chains, output):
    pixels = np.asarray(Image.open(image), np.float64)
    original = np.atleast_3d(pixels).transpose(2, 0, 1) / 255
    with open(output, 'wb') as results:
        for chain in open(chains):
            result = original
            for step in chain.split(';'):
                name, *arguments = step.split()
                result = STEPS[name](result, *arguments)
            result.astype(np.float64).tofile(results)


if __name__ == '__main__':
    {'photo': photo, 'apply': apply}[sys.argv[1]](*sys.argv[2:])
