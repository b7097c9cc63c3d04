"""The page that resnext-sweep leaves, opened in a real browser: what a reader sees is what the table's file says."""

import os
import re
import sys
import tempfile
import unittest

import h5py

import browser
import sweeps

sys.path.insert(0, os.path.join(sweeps.SOURCE, "scripts"))
from table_results import COLOURS  # noqa: E402

# Of sweeps.TABLE's figures: what stands beside the axes, or begins it.
AXES = {"curves": {"epoch", "top-1 error (%)"},
        "cardinality-top1": {"cardinality", "top-1 error (%)"},
        "parameters-top1": {"parameters (thousands)", "top-1 error (%)"},
        "paper-top1": {"paper, ImageNet-1K: top-1 error (%)", "measured, smoke scale"},
        "cost": {"device-"}}
SIZES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


class Complaints(list):
    """What is wrong with a page, each in one line."""

    def require(self, condition, text):
        if not condition:
            self.append(text)

    def require_number(self, shown, value, what, size=1):
        """Equal to the digits shown."""
        last_digit = size * 10.0 ** -len(shown.partition(".")[2])
        self.require(abs(float(shown) * size - value) <= 0.5001 * last_digit, f"{what}: {shown} shown, {value} stored")

    def require_pattern(self, pattern, shown, what):
        """Its groups; none, and a complaint, where it does not match."""
        found = re.fullmatch(pattern, shown)
        self.require(found, f"{what}: {shown!r} is not as expected")
        return found.groups() if found else None


def overlap(one, other):
    """Of boxes: left, top, right, bottom. That much two labels' line spacing may share."""
    return min(one[2], other[2]) - max(one[0], other[0]) > 1 and min(one[3], other[3]) - max(one[1], other[1]) > 3


def complain_of_labels(complaints, name, labels, picture):
    for label in labels:
        left, top, right, bottom = label["box"]
        whole = left >= picture[0] - 1 and top >= picture[1] - 1 and right <= picture[2] + 1 and bottom <= picture[3] + 1
        complaints.require(whole and right > left, f"{name}: label '{label['text']}' is cut off")
    for index, one in enumerate(labels):
        for other in labels[:index]:
            complaints.require(not overlap(one["box"], other["box"]),
                               f"{name}: labels '{one['text']}' and '{other['text']}' overlap")


def complain_of_figure(complaints, figure, page, scale, rows):
    """Of one picture's size, labels, its scale's title, and the colours painted."""
    name = figure["name"]
    if len(figure["pictures"]) != 1:
        complaints.append(f"{name}: {len(figure['pictures'])} pictures instead of one")
        return
    box, labels = figure["pictures"][0], figure["labels"]
    complaints.require(box[2] - box[0] > 600 and box[3] - box[1] > 250, f"{name}: its picture is too small: {box}")
    complaints.require(figure["caption"], f"{name}: no caption")
    texts = {label["text"] for label in labels}
    for expected in AXES.get(name, ()):
        complaints.require(any(text.startswith(expected) for text in texts), f"{name}: no label '{expected}'")
    complaints.require(f"scale: smoke ({scale})" in texts, f"{name}: does not say its scale")
    complain_of_labels(complaints, name, labels, box)
    painted = page.crop([round(edge) for edge in box]).getcolors(1 << 20)
    pixels = {"#%02X%02X%02X" % colour: count for count, colour in painted}
    for colour, row in zip(COLOURS, rows if name != "cost" else rows[:1]):
        complaints.require(pixels.get(colour, 0) >= 10, f"{name}: nothing is painted in the colour of row '{row}'")


def complain_of_cost(complaints, shown, value, baseline, what):
    found = complaints.require_pattern(r"([\d.]+) ?([kMG]?)(?:\s\(([+-][\d.]+)%\))?", shown, what)
    if found:
        complaints.require_number(found[0], value, what, SIZES[found[1]])
        complaints.require((found[2] is None) == (value is baseline), f"{what}: compared with itself, or not at all")
        if found[2]:
            complaints.require_number(found[2], 100 * (value - baseline) / baseline, what + " against the baseline's")


def complain_of_cell(complaints, shown, cell, what):
    """Measured, n, against the baseline, the paper's: all of one column of the table."""
    measured, count, compared, paper = shown
    found = complaints.require_pattern(r"([\d.]+) ± ([\d.]+)", measured, what)
    if found:
        complaints.require_number(found[0], cell.attrs["mean"], what)
        complaints.require_number(found[0], sum(cell["values"]) / len(cell["values"]), what + " by its values")
        complaints.require_number(found[1], cell.attrs["standard_error"], what + ", standard error")
    complaints.require_number(count, cell.attrs["n"], what + ", seeds")
    complaints.require_number(paper, cell.attrs["paper"], what + ", paper")
    complaints.require(bool(compared) == ("p" in cell.attrs), f"{what}: '{compared}' against the baseline")
    found = complaints.require_pattern(r"([+-][\d.]+), p ([=<]) ([\d.]+)", compared, what) if compared else None
    if found:
        complaints.require_number(found[0], cell.attrs["difference"], what + ", difference")
        if found[1] == "=":
            complaints.require_number(found[2], cell.attrs["p"], what + ", p")
        else:
            complaints.require(cell.attrs["p"] < float(found[2]), f"{what}, p: below {found[2]} shown")


def complain_of_numbers(complaints, tables, table):
    results, runs = tables.get("results", [[]])[1:], tables.get("runs", [[]])[1:]
    rows = [table["rows"][name] for name in table.attrs["rows"]]
    complaints.require(len(results) == len(rows), f"{len(results)} rows of results, {len(rows)} stored")
    for shown, row in zip(results, rows):
        name, baseline = row.attrs["title"], table["rows"][row.attrs["baseline"]]
        complaints.require(shown[:2] == [name, row.attrs["model"]], f"{shown[:2]} is not {name}")
        for text, cost in zip(shown[2:4], ("parameters", "multiply_adds")):
            value = row.attrs[cost]
            complain_of_cost(complaints, text, value, value if row == baseline else baseline.attrs[cost], f"{name}, {cost}")
        complain_of_cell(complaints, shown[4:], row["top1"], f"{name}, error")
    complaints.require([run[0] for run in runs] == list(table.attrs["runs"]), "the runs are not those stored")
    for shown in runs:
        run = table["runs"].get(shown[0])
        if run:
            complaints.require(shown[1] == run.attrs["state"], f"{shown[0]}: {shown[1]}")
            complaints.require_number(shown[2], run.attrs["seconds"], f"{shown[0]}, seconds")
            complaints.require_number(shown[3], run.attrs["device_seconds"], f"{shown[0]}, device-seconds")


def complaints_of(page, path):
    """All that a reader of the page could complain of who has the table's file."""
    seen, complaints = browser.look_at(page), Complaints()
    names = [figure["name"] for figure in seen["figures"]]
    complaints.require(names == list(AXES), f"the figures are {names}")
    for window, over in (("a window", seen["sideways"]), ("a narrow window", seen["narrow"]["sideways"])):
        complaints.require(over <= 0, f"{over} pixels wider than {window}")
    for outside in seen["outside"] + seen["loaded"]:
        complaints.append(f"refers to '{outside}', which is not in the file")
    with h5py.File(path, "r") as table:
        for figure in seen["figures"]:
            complain_of_figure(complaints, figure, seen["picture"], table.attrs["scale_title"], list(table.attrs["rows"]))
        complain_of_numbers(complaints, seen["tables"], table)
        complaints.require(table.attrs["scale"] == "smoke" and "scale smoke: synthetic images" in seen["text"],
                           "the scale does not stand on the page")
        head = seen["tables"].get("results", [[]])[0]
        complaints.require("top-1 error (%), smoke scale" in head, f"the results' head is {head}")
    return complaints


@unittest.skipUnless(browser.PROGRAM, "no browser: scripts/install_packages.sh test installs chromium")
class ReportInABrowser(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        results = os.path.join(folder.name, "results")
        finished = sweeps.run(sweeps.write_table(folder.name), "--scale", "smoke", "--folder", results)
        self.assertEqual(finished.code, 0, finished)
        self.table = os.path.join(results, "small.h5")
        with open(os.path.join(results, "small.html"), encoding="utf-8") as file:
            self.page = file.read()

    def require_complaints(self, damages):
        """Of the page with something replaced for each, once: (complaint, what is replaced, by what)."""
        page = self.page
        for _, old, new in damages:
            damaged = re.sub(old, new, page, count=1, flags=re.DOTALL)
            self.assertNotEqual(damaged, page, old)
            page = damaged
        complaints = "\n".join(complaints_of(page, self.table))
        for complaint, _, _ in damages:
            with self.subTest(complaint):
                self.assertRegex(complaints, "(?m)^" + complaint)

    def test_readers_see_what_is_stored(self):
        self.assertEqual(complaints_of(self.page, self.table), [])

    def test_a_picture_cut_short_is_noticed(self):
        cut = '(<figure id="curves">.*?)<g id="patch_2">.*?</svg>'
        self.require_complaints([("curves: no caption", cut, r"\1")])

    def test_damage_is_noticed(self):
        self.require_complaints([
            ("curves: nothing is painted in the colour of row 'two'", '<figure id="curves">.*?</svg>',
             lambda found: found.group().replace("#d55e00", "none")),
            ("cardinality-top1: label '.*' is cut off", '(<figure id="cardinality-top1">.*?viewBox=")0 0 ', r"\g<1>60 0 "),
            ("paper-top1: labels '.*' and '.*' overlap", '(<figure id="paper-top1">.*?)font: 10px', r"\g<1>font: 60px"),
            (r"one, error: 12\.34 shown, [\d.]+ stored", r"(data-mean=[^>]*>)[\d.]+", r"\g<1>12.34"),
            (r"ResNeXt-11, 2x2d, parameters: 7\.47 shown, [0-9]+ stored", r"7\.46 k", "7.47 k"),
            (r"two seed 1, seconds: 99\.9 shown",
             r'(two seed 1</td><td>finished</td><td class="number">)[\d.]+', r"\g<1>99.9"),
            ("refers to 'http://example.org/a.svg', which", "<h2>Figures</h2>", '<img src="http://example.org/a.svg">'),
            ("refers to 'beside.css', which", "</style>", "</style><style>@import 'beside.css';</style>"),
            (r"\d+ pixels wider than a narrow window", "overflow-x: auto;", ""),
            ("the scale does not stand on the page", "scale smoke</span>", "</span>")])


if __name__ == "__main__":
    unittest.main()
