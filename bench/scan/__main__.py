"""How many labels the scanner reads, beside its decoder alone and other decoders on the same pictures.

    python -m bench.scan [--count 48] [--photos 24] [--real FOLDER] [--seed 1]

Draws the labels, opens the scanner's page in headless Chromium under the site's policy, and feeds
it the pictures. Fails when the page reads fewer than its decoder alone or than any other decoder
(bench/scan/peers.py), any text is wrong, or a look at a frame takes longer than SMOOTH. Small labels are judged at the
size of picture that the page asks a camera for; worn codes that an organisation may add only for wrong texts.

FOLDER holds real pictures, each beside a .txt of the same name with its text, looked at in four turns: the public
test pictures of ZXing (core/src/test/resources/blackbox/qrcode-1 to -6 at commit 7f12980) and of zxing-cpp
(test/samples/qrcode-1 to -7 at 77dceca), 312 that have one text. The run prints one SHA-256 over them, to compare.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.scan import peers
from bench.scan.labels import FURTHER, STEPS, Label, coarse, far, photos, small, worn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).resolve().parent
SITE = HERE.parents[1] / "tests/e2e/scannersite.py"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CHUNK = 20
# A code within a code, of which either text is right; and one whose .txt lacks a letter of the picture's.
UNFIT = {("qrcode-2", "16"), ("qrcode-2", "13")}
FEW = 30  # far and small labels
SMOOTH = 50  # ms, p95 of a look at a frame


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
def scanner(folder: Path, query: str = "") -> Iterator[Page]:
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
            page.goto(f"http://localhost:{port}/{query}")
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


def upright(path: Path) -> Image.Image:
    """The picture as a page would show it, on white where it is transparent."""
    picture = Image.open(path)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")


def real(source: Path, folder: Path) -> list[Picture]:
    """The pictures of `source` in four turns, as files in `folder`; prints what tells whether they are the same."""
    pictures = list[Picture]()
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        answer = path.with_suffix(".txt")
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp") or not answer.exists():
            continue
        if (path.parent.name, path.stem) in UNFIT:
            continue
        text = answer.read_bytes().decode("utf-8", "replace")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
        for turn in range(4):
            file = f"real-{len(pictures):04}.png"  # their names have what an address can't
            upright(path).rotate(90 * turn, expand=True).save(folder / file, compress_level=1)
            pictures.append(Picture(file, text, "real", 0))
    print(f"\nReal pictures: {len(pictures) // 4} in four turns, SHA-256 of all {digest.hexdigest()[:16]}")
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


def others(folder: Path, pictures: list[Picture]) -> int:
    """What the best of the other decoders reads."""
    best = 0
    for name, decoder in peers.decoders().items():
        start = time.perf_counter()
        found = [decoder(Image.open(folder / picture.file).convert("L")) for picture in pictures]
        took = 1000 * (time.perf_counter() - start) / len(pictures)
        pairs = list(zip(pictures, found, strict=True))
        read = sum(any(same(picture.text, text) for text in texts) for picture, texts in pairs)
        print(f"  {name:34} {read:4} of {len(pictures):4}   ms mean {took:5.0f}")
        best = max(best, read)
    return best


def judge(title: str, page: Page, folder: Path, pictures: list[Picture], way: str) -> bool:
    print(f"\n{title}")
    plain = run(page, "plain", pictures)
    ours = run(page, way, pictures)
    floor = line("decoder alone, two looks", plain)
    if way == "camera":
        line("page, first two looks", ours, 2)
    share = line(f"page, {'all looks' if way == 'camera' else 'photo until found'}", ours)
    best = others(folder, pictures)
    read = sum(ours.read())
    print(f"  page / decoder alone: {share / floor:.3f}; page / best other: {read / max(1, best):.3f}")
    if pictures[0].wear != "real":
        table(plain, ours)
    for file, text in ours.wrong():
        print(f"  WRONG {file}: {text!r}")
    smooth = way != "camera" or quantiles(ours.times(), n=20)[-1] <= SMOOTH
    good = share >= floor and read >= best and not ours.wrong() and smooth
    print("  holds" if good else "  MISSED")
    return good


def furthers(count: int, seed: int) -> bool:
    """Whether no worn code of a kind that an organisation may add is read wrong."""
    good = True
    with tempfile.TemporaryDirectory() as scratch, scanner(Path(scratch), "?further=DataMatrix+Code128") as page:
        for name, symbol in FURTHER.items():
            print(f"\nWorn {name}, camera frames of 1280 x 720")
            ours = run(page, "camera", save(worn(count, seed, symbol), Path(scratch)))
            line("page, all looks", ours)
            good &= not ours.wrong()
    return good


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=48, help="camera frames of each kind of wear")
    parser.add_argument("--photos", type=int, default=24, help="photos of each kind of wear")
    parser.add_argument("--real", type=Path, help="a folder of real pictures with their texts")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, scanner(Path(scratch)) as page:
        folder = Path(scratch)

        def judged(title: str, pictures: list[Picture], way: str) -> bool:
            return judge(title, page, folder, pictures, way)

        good = judged("Worn labels, camera frames of 1280 x 720", save(worn(asked.count, asked.seed), folder), "camera")
        good &= judged(
            "Labels not seen before, photos of 3024 x 2268", save(photos(asked.photos, asked.seed), folder), "photo"
        )
        near = list(small(FEW, asked.seed))
        views = save(map(coarse, near), folder)
        judged("Small labels, camera frames of 1280 x 720 (to compare, not counted)", views, "camera")
        good &= judged("Small labels, camera frames of 2560 x 1440", save(near, folder), "camera")
        good &= judged("Far labels, photos of 4032 x 3024", save(far(FEW, asked.seed), folder), "photo")
        if asked.real:
            found = real(asked.real, folder)
            good &= judged("Real pictures as frames", found, "camera")
            good &= judged("Real pictures as photos", found, "photo")
    good &= furthers(asked.count // 4, asked.seed)
    print("\nPASS" if good else "\nMISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
