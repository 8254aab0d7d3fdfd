"""Sheets as PDF: each symbol one path, on whole dots of the printer."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from typing import IO, TYPE_CHECKING
from zipfile import ZIP_STORED, ZipFile

from django.core.exceptions import ValidationError
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from devices.labels import fonts
from devices.labels.layout import POINT, Drawing, Options, draw
from lib import pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from PIL import Image

    from devices.labels.layout import Label

    Written = Callable[[int], None]

PART = 5_000  # labels in one PDF: its pages are in memory until it is written
TICK = 3.0  # mm


def unheard(count: int) -> None:
    """For those who don't ask how far it is."""


def logo_of(png: bytes | memoryview | None) -> Image.Image | None:
    """The organisation's picture, no larger than print needs; none if it can't be read."""
    try:
        return pictures.decoded(png)
    except ValidationError:
        return None


def write(out: IO[bytes], labels: Iterable[Label], options: Options, logo: Image.Image | None = None) -> int:
    """One PDF; returns how many labels are in it. Raises TooSmall."""
    fonts.register()
    sheet = _Sheet(out, options, logo)
    for label in labels:
        sheet.add(draw(label, options))
    sheet.canvas.save()
    return sheet.count


def write_all(
    out: IO[bytes],
    labels: Iterable[Label],
    options: Options,
    logo: Image.Image | None = None,
    *,
    total: int,
    written: Written = unheard,
) -> int:
    """A PDF, or of more than `PART` labels a ZIP of several; `written` hears how many are done, again and again."""
    heard = _heard(labels, written)
    if total <= PART:
        return write(out, heard, options, logo)
    done, start = 0, options.start
    with ZipFile(out, "w", ZIP_STORED) as archive:
        for first in heard:
            size = PART // options.stock.per_page * options.stock.per_page - (start - 1)  # whole pages
            name = f"labels-{done + 1:06}.pdf"
            with archive.open(name, "w") as file:
                rest = islice(heard, size - 1)
                done += write(file, chain([first], rest), replace(options, start=start), logo)
            start = 1
    return done


def _heard(labels: Iterable[Label], written: Callable[[int], None]) -> Iterator[Label]:
    for count, label in enumerate(labels):
        if count and count % 250 == 0:
            written(count)
        yield label


class _Sheet:
    """Pages being filled, in points from below as PDF has it."""

    def __init__(self, out: IO[bytes], options: Options, logo: Image.Image | None) -> None:
        self.options, self.stock = options, options.stock
        size = (self.stock.page[0] / POINT, self.stock.page[1] / POINT)
        self.canvas = Canvas(out, pagesize=size, pageCompression=1)
        self.canvas.setTitle("Labels")
        self.canvas.setCreator("Handover")
        self.canvas.setViewerPreference("PrintScaling", "None")
        self.next = options.start - 1
        self.empty = True
        self.count = 0
        if logo is not None:
            self.canvas.beginForm("logo", 0, 0, 1, 1)
            self.canvas.drawImage(ImageReader(logo), 0, 0, 1, 1, mask="auto")
            self.canvas.endForm()

    def add(self, drawing: Drawing) -> None:
        if self.next == self.stock.per_page:
            self.canvas.showPage()
            self.next, self.empty = 0, True
        if self.empty:
            self._mark()
        x, y = self.stock.corner(self.next)
        x, y = x + self.options.shift[0], y + self.options.shift[1]
        self._draw_symbol(drawing, x + drawing.x, y + drawing.y)
        for text in drawing.texts:
            self.canvas.setFont(text.font, text.size)
            self.canvas.drawString((x + text.x) / POINT, self._up(y + text.baseline), text.words)
        if drawing.logo:
            self._draw_logo(x + drawing.logo.x, y + drawing.logo.y, drawing.logo.width, drawing.logo.height)
        self.next, self.empty, self.count = self.next + 1, False, self.count + 1

    def _up(self, y: float) -> float:
        return (self.stock.page[1] - y) / POINT

    def _snapped(self, length: float) -> float:
        return round(length / self.options.dot) * self.options.dot

    def _draw_symbol(self, drawing: Drawing, x: float, y: float) -> None:
        """In units of a module, downwards."""
        module, canvas = drawing.module / POINT, self.canvas
        canvas.saveState()
        canvas.transform(module, 0, 0, -module, self._snapped(x) / POINT, self._up(self._snapped(y)))
        path = canvas.beginPath()
        for column, row, length in drawing.symbol.runs():
            path.rect(column, row, length, 1)
        canvas.drawPath(path, stroke=0, fill=1)
        canvas.restoreState()

    def _draw_logo(self, x: float, y: float, width: float, height: float) -> None:
        self.canvas.saveState()
        self.canvas.transform(width / POINT, 0, 0, height / POINT, x / POINT, self._up(y + height))
        self.canvas.doForm("logo")
        self.canvas.restoreState()

    def _mark(self) -> None:
        """Every page's outlines, or the ticks in its margins along which it is cut."""
        if not self.options.marks:
            return
        self.canvas.setLineWidth(0.25)
        self.canvas.setStrokeGray(0.4 if self.options.marks == "outline" else 0)
        width, height = self.stock.label
        across, down = self.options.shift
        corners = [self.stock.corner(number) for number in range(self.stock.per_page)]
        if self.options.marks == "outline":
            for x, y in corners:
                self.canvas.rect(
                    (x + across) / POINT, self._up(y + down + height), width / POINT, height / POINT, stroke=1, fill=0
                )
            return
        for x in sorted({x + side for x, _ in corners for side in (0, width)}):
            for start, end in self._ticks(self.stock.first[1], self.stock.page[1]):
                self.canvas.line(
                    (x + across) / POINT, self._up(start + down), (x + across) / POINT, self._up(end + down)
                )
        for y in sorted({y + side for _, y in corners for side in (0, height)}):
            for start, end in self._ticks(self.stock.first[0], self.stock.page[0]):
                self.canvas.line(
                    (start + across) / POINT, self._up(y + down), (end + across) / POINT, self._up(y + down)
                )

    def _ticks(self, margin: float, page: float) -> list[tuple[float, float]]:
        """Two strokes, one in each margin, that end half a millimetre before the labels."""
        outer = max(0.0, margin - 0.5 - TICK)
        inner = max(0.0, margin - 0.5)
        return [(outer, inner), (page - inner, page - outer)]
