"""How long sheets of labels take as PDF, how much memory, and whether every one of them is read again.

    python -m bench.labels [--labels 1000] [--many 10000]

Each run is a process of its own. Beside it the floor: the symbols' modules alone, and each of them drawn by the same
library as one path of rectangles with nothing else on the label. Prints seconds, megabytes and ratios.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile, is_zipfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("DEMO", "1")
BAR_SECONDS = 10.0  # for 1,000 labels
BAR_MEGABYTES = 300.0
DPI = 300


def serials(count: int) -> Iterator[str]:
    """The same ones in every run."""
    from devices.identity.serials import compute_check_characters

    for number in range(count):
        yield f"BENCH{number:05}" + compute_check_characters(f"BENCH{number:05}")


def modules(count: int, out: Path) -> None:
    import segno

    for serial in serials(count):
        segno.make(serial, error="q", micro=False)


def floor(count: int, out: Path) -> None:
    """65 to an A4 page, as the product's run has them."""
    import segno
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(out), pagesize=(595.28, 841.89), pageCompression=1)
    for number, serial in enumerate(serials(count)):
        if number and number % 65 == 0:
            canvas.showPage()
        down, across = divmod(number % 65, 5)
        path = canvas.beginPath()
        for row, dark in enumerate(segno.make(serial, error="q", micro=False).matrix):
            for column, one in enumerate(dark):
                if one:
                    path.rect(20 + across * 115 + column * 2, 800 - down * 60 - row * 2, 2, 2)
        canvas.drawPath(path, stroke=0, fill=1)
    canvas.save()


def product(count: int, out: Path) -> None:
    import django

    django.setup()
    from devices.labels import documents, pdf
    from devices.labels.layout import Label, Options
    from devices.labels.stocks import STOCKS

    logo = pdf.read_logo((ROOT / "config/demo/kanarra.png").read_bytes())
    options = Options(stock=STOCKS["l7651"], dpi=DPI, logo_shape=1.0)
    with out.open("w+b") as file:
        documents.write_all(file, (Label(serial, "Generator") for serial in serials(count)), options, logo, total=count)


RUNS: dict[str, Callable[[int, Path], None]] = {"modules": modules, "floor": floor, "product": product}


def child(name: str, count: int, out: Path) -> None:
    start = time.perf_counter()
    RUNS[name](count, out)
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def measured(name: str, count: int, out: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.labels", "--run", name, "--labels", str(count), "--out", str(out)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    seconds, megabytes = float(told[0]), float(told[1])
    size = f"{out.stat().st_size / 1e6:6.1f} MB" if out.exists() else "         "
    print(f"{name:<8} {count:>7,} labels {seconds:7.2f} s   peak {megabytes:6.0f} MB   file {size}")
    return seconds, megabytes


def documents(file: Path) -> Iterator[bytes]:
    if is_zipfile(file):
        with ZipFile(file) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    else:
        yield file.read_bytes()


def unread(file: Path, count: int) -> int:
    """How many of the labels no decoder finds in the printer's dots."""
    import pypdfium2
    import zxingcpp

    wanted = set(serials(count))
    for document in documents(file):
        with pypdfium2.PdfDocument(BytesIO(document)) as pdf:
            for page in pdf:
                picture = page.render(scale=DPI / 72).to_pil().convert("L")
                wanted -= {code.text for code in zxingcpp.read_barcodes(picture)}
    return len(wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        child(options.run, options.labels, options.out)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        bare, _ = measured("modules", options.labels, out / "none")
        least, _ = measured("floor", options.labels, out / "floor.pdf")
        seconds, _ = measured("product", options.labels, out / "labels.pdf")
        lost = unread(out / "labels.pdf", options.labels)
        _, memory = measured("product", options.many, out / "many")
        lost += unread(out / "many", options.many)
    print(f"ratio to the floor {seconds / least:.2f}, to the modules alone {seconds / bare:.2f}")
    print(f"not read again: {lost} of {options.labels + options.many:,}")
    missed = seconds * 1000 / options.labels > BAR_SECONDS or memory > BAR_MEGABYTES or lost > 0
    bar = f"1,000 labels under {BAR_SECONDS:.0f} s, all read again, {options.many:,} within {BAR_MEGABYTES:.0f} MB"
    print(f"bar: {bar}: {'MISSED' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main())
