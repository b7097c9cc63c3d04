#!/usr/bin/python3
"""Makes image files of every kind, each NAME beside NAME.rgb: height and width (two little-endian
uint32), then the RGB pixels that PIL (for PNG: NumPy) says it holds. Usage: decode_files.py FOLDER"""
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

folder = sys.argv[1]
rng = np.random.default_rng(7)
height, width = 37, 53
y, x = np.mgrid[0:height, 0:width]
rgb = np.stack([x * 4, y * 6, (x + y) * 2], axis=2).astype(np.uint8)
rgb[5:15, 5:15] = rng.integers(0, 256, (10, 10, 3))
alpha = rng.integers(0, 256, (height, width)).astype(np.uint8)
grey = rgb[:, :, 0].copy()


def expect(name, pixels):
    with open(os.path.join(folder, name + ".rgb"), "wb") as out:
        out.write(struct.pack("<II", *pixels.shape[:2]))
        out.write(np.ascontiguousarray(pixels, dtype=np.uint8).tobytes())


def on_white(colour, alpha):
    share = alpha[:, :, None] / 255.0
    return np.rint(colour * share + 255 * (1 - share))


def as_rgb(values):
    return np.repeat(values[:, :, None], 3, axis=2)


def jpeg(name, image, **options):
    path = os.path.join(folder, name)
    image.save(path, format="JPEG", **options)
    expect(name, np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")))


def png(name, image, pixels, **options):
    image.save(os.path.join(folder, name), format="PNG", **options)
    expect(name, pixels)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(name, rows, depth, colour, size, interlace=0):
    """Writes what PIL cannot: 16-bit colour and interlacing."""
    with open(os.path.join(folder, name), "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n")
        out.write(chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], depth, colour, 0, 0,
                                             interlace)))
        packer = zlib.compressobj(1)
        data = b"".join([packer.compress(b"\0" + row) for row in rows] + [packer.flush()])
        out.write(chunk(b"IDAT", data) + chunk(b"IEND", b""))


colour = Image.fromarray(rgb)
jpeg("full.jpg", colour, quality=95, subsampling=0)
jpeg("subsampled.jpg", colour, quality=80, subsampling=2)
jpeg("progressive.jpg", colour, progressive=True)
jpeg("grey.jpg", Image.fromarray(grey))
jpeg("cmyk.jpg", colour.convert("CMYK"))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg("orientation%d.jpg" % orientation, colour, exif=exif)
os.rename(os.path.join(folder, "grey.jpg"), os.path.join(folder, "wrong_extension.png"))
os.rename(os.path.join(folder, "grey.jpg.rgb"), os.path.join(folder, "wrong_extension.png.rgb"))

png("rgb.png", colour, rgb)
png("rgba.png", Image.fromarray(np.dstack([rgb, alpha])), on_white(rgb, alpha))
png("grey.png", Image.fromarray(grey), as_rgb(grey))
png("grey_alpha.png", Image.fromarray(np.dstack([grey, alpha])), on_white(as_rgb(grey), alpha))
bits = grey > 100
png("bits.png", Image.fromarray(bits), as_rgb(bits * 255))
palette = colour.quantize(32)
png("palette.png", palette, np.asarray(palette.convert("RGB")))
first_clear = np.where(np.asarray(palette) == 0, 0, 255).astype(np.uint8)
png("palette_clear.png", palette, on_white(np.asarray(palette.convert("RGB")), first_clear),
    transparency=0)
deep_grey = (grey.astype(np.uint16) * 201 + x * 3).astype(np.uint16)
png("grey16.png", Image.fromarray(deep_grey), as_rgb(np.rint(deep_grey / 257)))
deep = (rgb.astype(np.uint32) * 240 + 77).astype(">u2")
raw_png("rgb16.png", [row.tobytes() for row in deep], 16, 2, deep.shape)
expect("rgb16.png", np.rint(deep.astype(float) / 257))

adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
         (1, 0, 2, 1)]
passes = [rgb[y0::dy, x0::dx] for y0, x0, dy, dx in adam7]
raw_png("interlaced.png", [row.tobytes() for part in passes for row in part], 8, 2, rgb.shape, 1)
expect("interlaced.png", rgb)
