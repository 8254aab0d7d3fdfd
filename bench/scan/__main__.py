"""How many worn labels the scanner reads, beside its decoder alone on the same pictures.

    python -m bench.scan [--count 48] [--photos 24] [--real FOLDER] [--seed 1]

Draws the labels, opens the scanner's page in headless Chromium under the site's policy, and feeds
it the pictures. Fails when the page reads fewer than the decoder with its recommended settings, or
any text is wrong. FOLDER holds further pictures, each beside a .txt of the same name with its text.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, sync_playwright

from bench.scan.labels import STEPS, Label, photos, worn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).resolve().parent
SITE = HERE.parents[1] / "tests/e2e/scannersite.py"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CHUNK = 20


@dataclass(frozen=True)
class Picture:
    file: str
    text: str
    wear: str
    grade: int


@dataclass(frozen=True)
class Outcome:
    """One way over one set: what each look at each picture gave, in order."""

    pictures: list[Picture]
    looks: list[list[dict[str, Any]]]

    def answers(self, turns: int | None = None) -> list[str | None]:
        """What the first look with any text gave; nothing where it saw two, which is refused."""
        found: list[str | None] = []
        for looks in self.looks:
            texts: list[str] = next((look["texts"] for look in looks[:turns] if look["texts"]), [])
            found.append(texts[0] if len(texts) == 1 else None)
        return found

    def read(self, turns: int | None = None) -> list[bool]:
        pairs = zip(self.pictures, self.answers(turns), strict=True)
        return [text is not None and same(picture.text, text) for picture, text in pairs]

    def wrong(self) -> list[tuple[str, str]]:
        pairs = zip(self.pictures, self.answers(), strict=True)
        return [(picture.file, text) for picture, text in pairs if text is not None and not same(picture.text, text)]

    def times(self) -> list[float]:
        return [look["ms"] for looks in self.looks for look in looks]


def same(expected: str, text: str) -> bool:
    return expected.split() == text.split()


@contextmanager
def scanner(folder: Path) -> Iterator[Page]:
    command = [sys.executable, str(SITE), f"pictures={folder}"]
    site = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert site.stdin
    assert site.stdout
    try:
        port = json.loads(site.stdout.readline())["port"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page()
            page.set_default_timeout(0)
            page.goto(f"http://localhost:{port}/")
            page.evaluate((HERE / "page.js").read_text())
            yield page
            browser.close()
    finally:
        site.stdin.close()
        site.wait()


def save(labels: Iterable[Label], folder: Path) -> list[Picture]:
    pictures = []
    for label in labels:
        file = f"{label.name}.jpg"
        label.picture.save(folder / file, quality=92)
        pictures.append(Picture(file, label.text, label.wear, label.grade))
    return pictures


def real(source: Path, folder: Path) -> list[Picture]:
    pictures = []
    for path in sorted(source.rglob("*")):
        answer = path.with_suffix(".txt")
        if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp") and answer.exists():
            file = f"{path.parent.name}-{path.name}"
            (folder / file).write_bytes(path.read_bytes())
            text = answer.read_bytes().decode("utf-8", "replace")
            pictures.append(Picture(file, text, "real", 0))
    return pictures


def run(page: Page, way: str, pictures: list[Picture]) -> Outcome:
    looks: list[list[dict[str, Any]]] = []
    for start in range(0, len(pictures), CHUNK):
        names = [picture.file for picture in pictures[start : start + CHUNK]]
        looks += page.evaluate("([way, names]) => bench(way, names)", [way, names])
    return Outcome(pictures, looks)


def line(name: str, outcome: Outcome, turns: int | None = None) -> float:
    read = outcome.read(turns)
    share = 100 * sum(read) / len(read)
    times = outcome.times()
    slow = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    print(
        f"  {name:34} {sum(read):4} of {len(read):4}  {share:5.1f} %   "
        f"wrong {len(outcome.wrong())}   ms median {median(times):5.0f}  p95 {slow:5.0f}"
    )
    return share


def table(plain: Outcome, page: Outcome) -> None:
    print(f"  read by grade of wear, easy to hopeless: page (decoder alone), of each {STEPS} grades")
    both = (plain.read(), page.read())
    for wear in dict.fromkeys(picture.wear for picture in page.pictures):
        cells = []
        for grade in range(STEPS):
            here = [
                index for index, picture in enumerate(page.pictures) if (picture.wear, picture.grade) == (wear, grade)
            ]
            alone, ours = (sum(read[index] for index in here) for read in both)
            cells.append(f"{ours:3} ({alone:2})/{len(here)}")
        print(f"    {wear:10} {'  '.join(cells)}")


def judge(title: str, page: Page, pictures: list[Picture], way: str) -> bool:
    print(f"\n{title}")
    plain = run(page, "plain", pictures)
    ours = run(page, way, pictures)
    floor = line("decoder alone, two looks", plain)
    if way == "camera":
        line("page, first two looks", ours, 2)
    share = line(f"page, {'all looks' if way == 'camera' else 'photo until found'}", ours)
    print(f"  page / decoder alone: {share / floor:.3f}")
    if pictures[0].wear != "real":
        table(plain, ours)
    for file, text in ours.wrong():
        print(f"  WRONG {file}: {text!r}")
    return share >= floor and not ours.wrong()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=48, help="camera frames of each kind of wear")
    parser.add_argument("--photos", type=int, default=24, help="photos of each kind of wear")
    parser.add_argument("--real", type=Path, help="a folder of real pictures with their texts")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, scanner(Path(scratch)) as page:
        folder = Path(scratch)
        frames = save(worn(asked.count, asked.seed), folder)
        good = judge("Worn labels, camera frames of 1280 x 720", page, frames, "camera")
        shots = save(photos(asked.photos, asked.seed), folder)
        good &= judge("Labels not seen before, photos of 3024 x 2268", page, shots, "photo")
        if asked.real:
            found = real(asked.real, folder)
            good &= judge(f"Real pictures, {len(found)}, as frames", page, found, "camera")
            good &= judge(f"Real pictures, {len(found)}, as photos", page, found, "photo")
    print("\nPASS" if good else "\nMISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
