"""Opens a page in a browser (Debian's chromium), and tells what a reader of it would see."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile

from PIL import Image

PROGRAM = shutil.which("chromium")
WIDTH = 1280  # of the window, in pixels
NARROW = 600  # of a small one
LONG = 60  # seconds for a page, on a busy machine

# Runs in the page after it is laid out. What refers to a part of the page itself ("#name") loads nothing.
MEASURE = """
<script>
const box = one => { const r = one.getBoundingClientRect(); return [r.left, r.top + scrollY, r.right, r.bottom + scrollY]; };
const elements = [...document.querySelectorAll("*")];
const referring = /^(src|srcset|href|xlink:href|data|poster|background|action)$/;
const references = elements.flatMap(one => [...one.attributes].flatMap(a =>
    referring.test(a.name) ? [a.value] : [...a.value.matchAll(/url\\(["']?([^"')]*)/g)].map(found => found[1])));
const styles = [...document.querySelectorAll("style")].flatMap(one =>
    [...one.textContent.matchAll(/(?:url\\(|@import)\\s*["']?([^"');]*)/g)].map(found => found[1]));
const seen = {
  height: document.documentElement.scrollHeight,
  sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  text: document.body.innerText,
  outside: [...references, ...styles].filter(one => !one.startsWith("#")),
  loaded: performance.getEntriesByType("resource").map(one => one.name),
  figures: [...document.querySelectorAll("body > figure")].map(one => ({
    name: one.id,
    pictures: [...one.querySelectorAll(":scope > svg")].map(box),
    labels: [...one.querySelectorAll("svg text")].map(label => ({text: label.textContent, box: box(label)})),
    caption: [...one.children].filter(part => part instanceof HTMLElement && part.tagName == "FIGCAPTION")
        .map(part => part.innerText).join("")})),
  tables: Object.fromEntries([...document.querySelectorAll("table")].map(one =>
    [one.id, [...one.rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))]))};
const report = document.createElement("pre");
report.id = "seen-by-the-test";
report.textContent = JSON.stringify(seen);
document.body.append(report);
</script>
"""


def _chromium(folder, path, *options):
    command = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
               "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile", *options, f"file://{path}"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG, check=False)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\nexit code {ended.returncode}\n{ended.stderr}")
    return ended.stdout


def _measure(folder, path, width):
    """MEASURE's answer for a page that ends with it, in a window of that width."""
    dom = _chromium(folder, path, f"--window-size={width},800", "--dump-dom")
    answer = re.search(r'<pre id="seen-by-the-test">(.*?)</pre>', dom, re.DOTALL)
    if not answer:
        raise AssertionError(f"the page does not end as it should:\n{dom[-2000:]}")
    return json.loads(html.unescape(answer.group(1)))


def look_at(page):
    """What is seen of a page, given as text: MEASURE's answer, that in a NARROW window, and its picture as `picture`."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "page.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(page + MEASURE)
        seen = _measure(folder, path, WIDTH)
        seen["narrow"] = _measure(folder, path, NARROW)
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
        picture = os.path.join(folder, "page.png")
        _chromium(folder, path, f"--window-size={WIDTH},{seen['height']}", f"--screenshot={picture}")
        with Image.open(picture) as image:
            seen["picture"] = image.convert("RGB")
    return seen
