#!/usr/bin/python3
"""Renders a set of 5,000 classes, the shape of ImageNet-5K: a class is a Chinese character, a sample its rendering in a font.

Usage: render_characters.py --fonts DIR --out DIR [--per-class N] [--jobs N]

Training and validation use different fonts; validation has 1,000 of the classes. The faces are those of
ablations/characters/faces.tsv, all in Debian's packages. To unpack these without installing them:

    cd fonts; for p in $(cut -f1 .../ablations/characters/faces.tsv | sort -u | grep -v '^package$'); do
      apt-get download $p && dpkg -x ${p}_*.deb .; done

Needs Debian's python3-pil, python3-fonttools and python3-numpy.
"""
import argparse
import concurrent.futures
import csv
import functools
import pathlib
import sys

import numpy as np
from fontTools.ttLib import TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FACES = pathlib.Path(__file__).resolve().parent.parent / "ablations" / "characters" / "faces.tsv"
CLASSES, TESTED = 5000, 1000
SIDE, GLYPH = 32, 64  # of the images, and of the glyphs before they are turned and shrunk


class RenderError(Exception):
    """What is wrong, in one line."""


def kanji():
    """The 6,355 of JIS X 0208, by row and cell."""
    for row in range(16, 85):
        for cell in range(1, 95):
            try:
                yield bytes((0xA0 + row, 0xA0 + cell)).decode("euc_jp")
            except UnicodeDecodeError:
                continue


@functools.lru_cache(maxsize=None)
def font_of(path, face):
    return ImageFont.truetype(str(path), GLYPH * 3 // 4, index=face, layout_engine=ImageFont.Layout.BASIC)


def has_ink(font, character):
    """Some fonts map characters to blank glyphs."""
    return font.getmask(character).getbbox() is not None


def read_faces(fonts):
    """(path, face number, part, characters) of each face that is there."""
    wanted = set(kanji())
    with open(FACES, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    faces = []
    for row in rows:
        path = fonts / row["file"]
        if not path.is_file():
            raise RenderError(f"{path}: no such font; unpack package {row['package']} into {fonts}")
        try:
            mapped = TTFont(path, fontNumber=int(row["face"]), lazy=True).getBestCmap()
        except TTLibError as error:
            raise RenderError(f"{path}: {error}") from error
        font = font_of(path, int(row["face"]))
        has = {character for character in wanted if ord(character) in mapped and has_ink(font, character)}
        faces.append((path, int(row["face"]), row["part"], has))
    return faces


def choose(faces):
    """The classes with the most faces, of equals by code point; and those to test, spread over the ones that all faces have."""
    coverage = {character: sum(character in has for _, _, _, has in faces) for character in kanji()}
    classes = sorted(coverage, key=lambda character: (-coverage[character], character))[:CLASSES]
    everywhere = sorted(character for character in classes if coverage[character] == len(faces))
    if len(everywhere) < TESTED:
        raise RenderError(f"only {len(everywhere)} characters are in all faces; {TESTED} are needed for validation")
    return sorted(classes), [everywhere[i * len(everywhere) // TESTED] for i in range(TESTED)]


def background(rng):
    """A gradient between two colours, of low-frequency noise."""
    one, other = rng.integers(0, 256, (2, 3))
    ramp = np.add.outer(*(np.linspace(0, rng.uniform(-1, 1), SIDE) for _ in range(2)))[..., None]
    return np.clip(one + ramp * (other - one) + rng.normal(0, 6, (SIDE, SIDE, 3)), 0, 255)


def render(font, character, rng):
    """The character turned, sheared, moved and scaled, in a colour that can be seen before its background."""
    mask = Image.new("L", (2 * GLYPH, 2 * GLYPH))
    ImageDraw.Draw(mask).text((GLYPH, GLYPH), character, fill=255, font=font, anchor="mm")
    angle, shear, scale = rng.uniform(-0.2, 0.2), rng.uniform(-0.15, 0.15), GLYPH / SIDE / rng.uniform(0.8, 1.1)
    x, y = rng.uniform(-2, 2, 2)
    turn = scale * np.array([[np.cos(angle), np.sin(angle) + shear], [-np.sin(angle), np.cos(angle)]])
    centre = np.array([GLYPH, GLYPH]) - turn @ np.array([SIDE / 2 + x, SIDE / 2 + y])
    smooth = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.2)))
    small = smooth.transform((SIDE, SIDE), Image.Transform.AFFINE,
                             (turn[0, 0], turn[0, 1], centre[0], turn[1, 0], turn[1, 1], centre[1]),
                             Image.Resampling.BILINEAR)
    behind = background(rng)
    ink = rng.integers(0, 256, 3)
    while abs(ink.mean() - behind.mean()) < 60:
        ink = rng.integers(0, 256, 3)
    share = np.asarray(small, dtype=np.float64)[..., None] / 255
    pixels = behind * (1 - share) + ink * share + rng.normal(0, 8, behind.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def render_class(out, part, character, faces, samples):
    """Every sample is a function of character and number alone."""
    folder = out / part / f"{ord(character):05x}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(samples):
        rng = np.random.default_rng([ord(character), number, part == "train"])
        path, face = faces[number % len(faces)] if number < len(faces) else faces[rng.integers(len(faces))]
        render(font_of(path, face), character, rng).save(folder / f"{number:03}.png")


def render_part(arguments, part, characters, faces, samples):
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
        done = []
        for character in characters:
            own = [(path, face) for path, face, of, has in faces if of == part and character in has]
            if not own:
                raise RenderError(f"no {part} face has U+{ord(character):04X}")
            order = np.random.default_rng(ord(character)).permutation(len(own))
            done.append(pool.submit(render_class, arguments.out, "train" if part == "train" else "validation", character,
                                    [own[i] for i in order], samples))
        for job in done:
            job.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fonts", type=pathlib.Path, required=True, metavar="DIR", help="where the packages are unpacked; / if installed")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--per-class", type=int, default=20, metavar="N", help="training images of a class [20]")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="processes [all cores]")
    arguments = parser.parse_args()
    try:
        faces = read_faces(arguments.fonts)
        classes, tested = choose(faces)
        render_part(arguments, "train", classes, faces, arguments.per_class)
        render_part(arguments, "validation", tested, faces, 10)
        (arguments.out / "characters.txt").write_text("".join(classes) + "\n" + "".join(tested) + "\n", encoding="utf-8")
    except (RenderError, OSError) as error:
        print(f"render_characters.py: error: {error}", file=sys.stderr)
        return 1
    print(f"{len(classes)} classes, {arguments.per_class} training images each; {len(tested)} of them to test, 10 images each, in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
