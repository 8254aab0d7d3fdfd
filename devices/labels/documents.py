"""Files of labels: a PDF for whatever prints pages, ZPL II for label printers; of very many, several in a ZIP."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from devices.labels import pdf, zpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from PIL import Image

    from devices.labels.layout import Label, Options
    from devices.labels.notes import Notes

    OnProgress = Callable[[int], None]

    class Write(Protocol):
        def __call__(
            self,
            out: IO[bytes],
            labels: Iterable[Label],
            options: Options,
            logo: Image.Image | None = None,
            notes: Notes | None = None,
        ) -> int: ...


PART = 5_000  # labels in one file: a PDF's pages are in memory until it is written
ZIP = "application/zip"


class Output(NamedTuple):
    suffix: str
    content_type: str
    write: Write
    compression: int  # in a ZIP


OUTPUTS = {
    "pdf": Output("pdf", "application/pdf", pdf.write, ZIP_STORED),  # its pages are compressed
    "zpl": Output("zpl", "application/zpl", zpl.write, ZIP_DEFLATED),
}


def ignore_progress(count: int) -> None:
    """Ignore how many labels are done."""


def write_all(
    out: IO[bytes],
    labels: Iterable[Label],
    options: Options,
    logo: Image.Image | None = None,
    *,
    total: int,
    on_progress: OnProgress = ignore_progress,
    notes: Notes | None = None,
    output: str = "pdf",
) -> int:
    """Write a file, or of more than `PART` labels a ZIP of several; return how many labels are in it.

    `on_progress` hears how many are done, again and again; `notes` what is to be known of them. Raises Refusal.
    """
    kind = OUTPUTS[output]
    reported = _report_labels(labels, on_progress)
    if total <= PART:
        return kind.write(out, reported, options, logo, notes)
    done, start = 0, options.start
    with ZipFile(out, "w", kind.compression) as archive:
        for first in reported:
            size = PART // options.stock.per_page * options.stock.per_page - (start - 1)  # whole pages
            with archive.open(f"labels-{done + 1:06}.{kind.suffix}", "w") as file:
                rest = islice(reported, size - 1)
                done += kind.write(file, chain([first], rest), replace(options, start=start), logo, notes)
            start = 1
    return done


def _report_labels(labels: Iterable[Label], on_progress: OnProgress) -> Iterator[Label]:
    for count, label in enumerate(labels):
        if count and count % 250 == 0:
            on_progress(count)
        yield label
