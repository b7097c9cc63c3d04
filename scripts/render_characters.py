#!/usr/bin/python3
"""Renders a set of 5,000 classes, the shape of ImageNet-5K: a class is a Chinese character, a sample its rendering in a font.

Usage: render_characters.py --fonts DIR --out DIR [--per-class N] [--jobs N]

Training and validation use different fonts; validation has 1,000 of the classes. The fonts are in Debian's packages,
411 MB, and need not be installed: started without them, it says how to unpack them into DIR.
"""
import argparse
import concurrent.futures
import csv
import functools
import pathlib
import sys

try:
    import numpy as np
    from fontTools.ttLib import TTFont, TTLibError
    from PIL import Image, ImageDraw, ImageFilter, ImageFont
except ImportError as missing:
    sys.exit(f"render_characters.py: error: {missing}; install it: "
             "apt-get install python3-fonttools python3-numpy python3-pil")

FACES = pathlib.Path(__file__).resolve().parent.parent / "ablations" / "characters" / "faces.tsv"
SIDE, GLYPH = 32, 64  # of the images, and of the glyphs before they are turned and shrunk
# Of 255. With all colours and contrasts alike, networks that average over the image learn nothing for too long.
INK, PAPER = (0, 90), (195, 235)


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


def read_table(path, fonts):
    """The rows of a table of faces, whose fonts must all be there."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not rows or not {"package", "file", "face", "part"} <= rows[0].keys():
        raise RenderError(f"{path}: no table of faces with columns package, file, face, part, separated by tabs")
    missing = sorted({row["package"] for row in rows if not (fonts / row["file"]).is_file()})
    if missing:
        raise RenderError(f"{fonts} lacks the fonts of {len(missing)} Debian packages; to unpack them there: cd {fonts} && "
                          f"apt-get download {' '.join(missing)} && for p in *.deb; do dpkg -x $p .; done")
    return rows


def read_faces(table, fonts):
    """(path, face number, part, characters that it can draw) of each face."""
    wanted = set(kanji())
    faces = []
    for row in read_table(table, fonts):
        path, face = fonts / row["file"], int(row["face"])
        try:
            mapped = TTFont(path, fontNumber=face, lazy=True).getBestCmap()
            font = font_of(path, face)
        except (TTLibError, OSError) as error:
            raise RenderError(f"{path}: cannot be read as a font: {error}") from error
        has = {character for character in wanted if ord(character) in mapped and has_ink(font, character)}
        faces.append((path, face, row["part"], has))
    return faces


def choose(faces, classes, tested):
    """The classes with the most faces, of equals by code point; and those to test, spread over the ones that all faces have."""
    to_train = set().union(*(has for _, _, part, has in faces if part == "train"))
    coverage = {character: sum(character in has for _, _, _, has in faces) for character in to_train}
    chosen = sorted(coverage, key=lambda character: (-coverage[character], character))[:classes]
    everywhere = sorted(character for character in chosen if coverage[character] == len(faces))
    if len(chosen) < classes:
        raise RenderError(f"the training faces have only {len(chosen)} characters, not {classes}")
    if len(everywhere) < tested:
        raise RenderError(f"only {len(everywhere)} characters are in all faces; {tested} are needed for validation")
    return sorted(chosen), [everywhere[i * len(everywhere) // tested] for i in range(tested)]


def paper(rng):
    """A light colour that becomes lighter or darker towards a corner."""
    colour = rng.uniform(*PAPER) + rng.uniform(-10, 10, 3)
    ramp = np.add.outer(*(np.linspace(-1, 1, SIDE) * rng.uniform(-10, 10) for _ in range(2)))
    return colour + ramp[..., None]


def render(font, character, rng):
    """The character turned, sheared, moved and scaled, in dark ink on light paper."""
    mask = Image.new("L", (2 * GLYPH, 2 * GLYPH))
    ImageDraw.Draw(mask).text((GLYPH, GLYPH), character, fill=255, font=font, anchor="mm")
    angle, shear, scale = rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), GLYPH / SIDE / rng.uniform(0.9, 1.15)
    x, y = rng.uniform(-2, 2, 2)
    turn = scale * np.array([[np.cos(angle), np.sin(angle) + shear], [-np.sin(angle), np.cos(angle)]])
    centre = np.array([GLYPH, GLYPH]) - turn @ np.array([SIDE / 2 + x, SIDE / 2 + y])
    smooth = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.2)))
    small = smooth.transform((SIDE, SIDE), Image.Transform.AFFINE,
                             (turn[0, 0], turn[0, 1], centre[0], turn[1, 0], turn[1, 1], centre[1]),
                             Image.Resampling.BILINEAR)
    behind = paper(rng)
    ink = rng.uniform(*INK, 3)
    share = np.asarray(small, dtype=np.float64)[..., None] / 255
    pixels = behind * (1 - share) + ink * share + rng.normal(0, 5, behind.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def render_class(folder, part, character, faces, samples):
    """Every face once, in an order of the character's own, then any. A sample depends on nothing but its character,
    its number, and the faces that have it."""
    folder.mkdir(parents=True)
    order = np.random.default_rng(ord(character)).permutation(len(faces))
    for number in range(samples):
        rng = np.random.default_rng([ord(character), number, part == "train"])
        path, face = faces[order[number] if number < len(faces) else rng.integers(len(faces))]
        render(font_of(path, face), character, rng).save(folder / f"{number:03}.png")


def render_part(out, part, characters, faces, samples, jobs):
    print(f"{out}: {len(characters)} classes of {samples} images", flush=True)
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        done = []
        for character in characters:
            own = [(path, face) for path, face, of, has in faces if of == part and character in has]
            done.append(pool.submit(render_class, out / f"{ord(character):05x}", part, character, own, samples))
        for job in done:
            job.result()


def render_set(arguments):
    for name in ("train", "validation", "characters.txt"):
        if (arguments.out / name).exists():
            raise RenderError(f"{arguments.out / name} is there already; give another --out, or delete it")
    faces = read_faces(arguments.faces, arguments.fonts)
    classes, tested = choose(faces, arguments.classes, arguments.tested)
    render_part(arguments.out / "train", "train", classes, faces, arguments.per_class, arguments.jobs)
    render_part(arguments.out / "validation", "val", tested, faces, 10, arguments.jobs)
    # Last: what makes the folder a data set (ablations/datasets.toml).
    (arguments.out / "characters.txt").write_text("".join(classes) + "\n" + "".join(tested) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fonts", type=pathlib.Path, required=True, metavar="DIR",
                        help="where the packages are unpacked; / if installed")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--per-class", type=int, default=20, metavar="N", help="training images of a class [20]")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="processes [all cores]")
    parser.add_argument("--classes", type=int, default=5000, metavar="N", help="[5000]")
    parser.add_argument("--tested", type=int, default=1000, metavar="N", help="of these, in validation [1000]")
    parser.add_argument("--faces", type=pathlib.Path, default=FACES, metavar="TABLE",
                        help="other faces [ablations/characters/faces.tsv]")
    arguments = parser.parse_args()
    try:
        render_set(arguments)
    except (RenderError, OSError) as error:
        print(f"render_characters.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
