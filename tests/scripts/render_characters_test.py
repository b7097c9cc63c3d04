"""scripts/render_characters.py, on small fonts made here: what it renders, and what it refuses."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "render_characters.py"
sys.path.insert(0, str(SCRIPT.parent))
import render_characters as rendering  # noqa: E402

CHARACTERS = list(rendering.kanji())[:60]


def draw(number):
    """Squares of a 4x4 grid, after the number's bits; none for None."""
    pen = TTGlyphPen(None)
    for bit in range(16) if number is not None else ():
        if (number * 2654435761 >> bit) & 1:
            left, bottom = 250 * (bit % 4), 250 * (bit // 4) - 120
            pen.moveTo((left, bottom))
            for corner in ((left, bottom + 250), (left + 250, bottom + 250), (left + 250, bottom)):
                pen.lineTo(corner)
            pen.closePath()
    return pen.glyph()


def make_font(path, characters, blank=()):
    """Of the first of CHARACTERS, with blank glyphs for some."""
    names = [f"glyph{index}" for index in range(characters)]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", *names])
    font.setupCharacterMap({ord(character): name for character, name in zip(CHARACTERS, names)})
    glyphs = {name: draw(None if index in blank else index + 1) for index, name in enumerate(names)}
    font.setupGlyf({".notdef": draw(0xFFFF), **glyphs})
    font.setupHorizontalMetrics({name: (1000, 0) for name in [".notdef", *names]})
    font.setupHorizontalHeader(ascent=880, descent=-120)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)


class RendersCharacters(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.faces = self.folder / "faces.tsv"
        self.faces.write_text("package\tfile\tface\tname\tpart\nfonts-a\ta.ttf\t0\tA\ttrain\n"
                              "fonts-b\tb.ttf\t0\tB\ttrain\nfonts-c\tc.ttf\t0\tC\tval\n")
        make_font(self.folder / "a.ttf", 50, blank=range(0, 12))
        make_font(self.folder / "b.ttf", 40, blank=range(0, 5))
        make_font(self.folder / "c.ttf", 60, blank=(20,))

    def render(self, out="out", *options, environment=None):
        command = [sys.executable, SCRIPT, "--fonts", self.folder, "--faces", self.faces, "--out", self.folder / out,
                   "--classes", "45", "--tested", "9", "--per-class", "3", "--jobs", "1", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False,
                              env=dict(os.environ, **environment or {}))

    def refused(self, *arguments, **options):
        """Ends with one line of error, which it returns."""
        ended = self.render(*arguments, **options)
        self.assertEqual((ended.returncode, len(ended.stderr.splitlines())), (1, 1), ended.stderr)
        self.assertTrue(ended.stderr.startswith("render_characters.py: error: "), ended.stderr)
        return ended.stderr

    def test_a_set(self):
        ended = self.render()
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        out = self.folder / "out"
        classes, tested = (out / "characters.txt").read_text(encoding="utf-8").splitlines()
        # Those that a training font can draw, not only map; to test, those that every font can.
        self.assertEqual(classes, "".join(sorted(CHARACTERS[5:50])))
        self.assertLessEqual(set(tested), set(CHARACTERS[12:20] + CHARACTERS[21:40]))
        for part, characters, samples in (("train", classes, 3), ("validation", tested, 10)):
            self.assertEqual(sorted(path.name for path in (out / part).iterdir()), [f"{ord(c):05x}" for c in characters])
            for path in (out / part).iterdir():
                self.assertEqual(sorted(image.name for image in path.iterdir()), [f"{i:03}.png" for i in range(samples)])
        with Image.open(out / "train" / f"{ord(classes[0]):05x}" / "000.png") as image:
            self.assertEqual((image.size, image.mode), ((32, 32), "RGB"))

    def test_the_same_set_by_any_number_of_processes(self):
        self.render("one")
        self.assertEqual(self.render("two", "--jobs", "2").returncode, 0)
        images = sorted(path.relative_to(self.folder / "one") for path in (self.folder / "one").rglob("*.png"))
        self.assertEqual(len(images), 45 * 3 + 9 * 10)
        for image in images:
            self.assertEqual((self.folder / "one" / image).read_bytes(), (self.folder / "two" / image).read_bytes())

    def test_the_ink_can_be_seen(self):
        font = rendering.font_of(self.folder / "c.ttf", 0)
        blank, character = CHARACTERS[20], CHARACTERS[21]
        self.assertFalse(rendering.has_ink(font, blank))
        for seed in range(50):
            with_ink, without = (np.asarray(rendering.render(font, one, np.random.default_rng(seed)), dtype=int)
                                 for one in (character, blank))
            differing = np.abs(with_ink - without).mean(axis=2) > 0.25 * (rendering.PAPER[0] - rendering.INK[1])
            self.assertGreater(differing.mean(), 0.05, f"seed {seed}")
            self.assertLess(differing.mean(), 0.7, f"seed {seed}")

    def test_fonts_that_are_not_there(self):
        (self.folder / "b.ttf").unlink()
        error = self.refused()
        self.assertIn("lacks the fonts of 1 Debian packages", error)
        self.assertIn("apt-get download fonts-b && for p in *.deb; do dpkg -x $p .; done", error)
        (self.folder / "b.ttf").write_text("no font")
        self.assertIn("b.ttf: cannot be read as a font", self.refused())

    def test_too_few_characters(self):
        self.assertIn("the training faces have only 45 characters, not 46", self.refused("out", "--classes", "46"))
        self.assertIn("only 27 characters are in all faces; 28 are needed", self.refused("out", "--tested", "28"))
        self.assertFalse((self.folder / "out").exists())

    def test_a_set_that_is_there_is_kept(self):
        self.render()
        self.assertIn("out/train is there already; give another --out, or delete it", self.refused())

    def test_what_must_be_installed(self):
        hidden = self.folder / "hidden"
        hidden.mkdir()
        (hidden / "fontTools.py").write_text("raise ModuleNotFoundError(\"No module named 'fontTools'\")")
        error = self.refused(environment={"PYTHONPATH": str(hidden)})
        self.assertIn("No module named 'fontTools'; install it: apt-get install python3-fonttools", error)


if __name__ == "__main__":
    unittest.main()
