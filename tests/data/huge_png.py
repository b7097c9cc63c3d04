#!/usr/bin/python3
"""Writes a grey PNG of any size in little memory; row y has the value 255 * y // height.
Usage: huge_png.py FILE WIDTH HEIGHT INTERLACE"""
import struct
import sys
import zlib

path, width, height, interlace = sys.argv[1], *map(int, sys.argv[2:])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


packer = zlib.compressobj(1)
with open(path, "wb") as out:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace)
    out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    for y in range(0 if interlace else height):
        data = packer.compress(b"\0" + bytes([255 * y // height]) * width)
        if data:
            out.write(chunk(b"IDAT", data))
    out.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))
