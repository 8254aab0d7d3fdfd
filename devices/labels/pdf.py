"""Sheets as PDF: each symbol one path, on whole dots of the printer."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING

from django.core.exceptions import ValidationError
from PIL import ImageOps
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from devices.labels import fonts
from devices.labels.layout import POINT, Drawing, Options, draw
from devices.labels.raster import draw_text
from lib import pictures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL import Image

    from devices.labels.layout import Label, Text
    from devices.labels.notes import Notes

TICK = 3.0  # mm


def read_logo(png: bytes | memoryview | None) -> Image.Image | None:
    """Return the organisation's picture, no larger than print needs; None if it can't be read."""
    try:
        return pictures.decode_picture(png)
    except ValidationError:
        return None


def write(
    out: IO[bytes],
    labels: Iterable[Label],
    options: Options,
    logo: Image.Image | None = None,
    notes: Notes | None = None,
) -> int:
    """Write one PDF; return how many labels are in it. Raises Refusal."""
    fonts.register_fonts()
    sheet = _Sheet(out, options, logo)
    for label in labels:
        drawing = draw(label, options)
        sheet.add(drawing)
        if notes:
            notes.add_drawing(label, drawing)
    sheet.canvas.save()
    return sheet.count


class _Sheet:
    """Fill pages, in points from below as PDF has it."""

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
            self._write(text._replace(x=x + text.x, baseline=y + text.baseline))
        if drawing.logo:
            self._draw_logo(x + drawing.logo.x, y + drawing.logo.y, drawing.logo.width, drawing.logo.height)
        self.next, self.empty, self.count = self.next + 1, False, self.count + 1

    def _write(self, text: Text) -> None:
        if fonts.find_shaper(text.words, text.font):
            self._write_joined(text)
            return
        x, y = text.x / POINT, self._flip_y(text.baseline)
        for font, run in fonts.split_runs(text.words, text.font):
            self.canvas.setFont(font, text.size)
            self.canvas.drawString(x, y, run)
            x += fonts.measure_width(run, font, text.size)

    def _write_joined(self, text: Text) -> None:
        """Draw the words as a picture of the printer's dots: PDF as it is written here joins no letters."""
        for picture, x, y in draw_text(text, replace(self.options, shift=(0.0, 0.0))):
            dot = self.options.dot / POINT
            low, size = (
                self._flip_y((y + picture.height) * self.options.dot),
                (picture.width * dot, picture.height * dot),
            )
            shown = ImageReader(ImageOps.invert(picture.convert("L")))
            self.canvas.drawImage(shown, x * dot, low, *size)

    def _flip_y(self, y: float) -> float:
        return (self.stock.page[1] - y) / POINT

    def _snap_to_dot(self, length: float) -> float:
        return round(length / self.options.dot) * self.options.dot

    def _draw_symbol(self, drawing: Drawing, x: float, y: float) -> None:
        """Draw the symbol in units of a module, downwards."""
        module, canvas = drawing.module / POINT, self.canvas
        canvas.saveState()
        canvas.transform(module, 0, 0, -module, self._snap_to_dot(x) / POINT, self._flip_y(self._snap_to_dot(y)))
        path = canvas.beginPath()
        for column, row, length in drawing.symbol.runs():
            path.rect(column, row, length, 1)
        canvas.drawPath(path, stroke=0, fill=1)
        canvas.restoreState()

    def _draw_logo(self, x: float, y: float, width: float, height: float) -> None:
        self.canvas.saveState()
        self.canvas.transform(width / POINT, 0, 0, height / POINT, x / POINT, self._flip_y(y + height))
        self.canvas.doForm("logo")
        self.canvas.restoreState()

    def _mark(self) -> None:
        """Draw every page's outlines, or the ticks in its margins along which it is cut."""
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
                    (x + across) / POINT,
                    self._flip_y(y + down + height),
                    width / POINT,
                    height / POINT,
                    stroke=1,
                    fill=0,
                )
            return
        for x in sorted({x + side for x, _ in corners for side in (0, width)}):
            for start, end in self._place_ticks(self.stock.first[1], self.stock.page[1]):
                self.canvas.line(
                    (x + across) / POINT, self._flip_y(start + down), (x + across) / POINT, self._flip_y(end + down)
                )
        for y in sorted({y + side for _, y in corners for side in (0, height)}):
            for start, end in self._place_ticks(self.stock.first[0], self.stock.page[0]):
                self.canvas.line(
                    (start + across) / POINT, self._flip_y(y + down), (end + across) / POINT, self._flip_y(y + down)
                )

    def _place_ticks(self, margin: float, page: float) -> list[tuple[float, float]]:
        """Return two strokes, one in each margin, that end half a millimetre before the labels: from where to where, in
        mm."""
        outer = max(0.0, margin - 0.5 - TICK)
        inner = max(0.0, margin - 0.5)
        return [(outer, inner), (page - inner, page - outer)]
