"""Labels in ZPL II, the language of label printers: every part is a graphic of the printer's own dots.

What stands on a label reaches the printer as dots alone, never as text: no name can hold a command.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from devices import refusals
from devices.labels.layout import draw
from devices.labels.raster import draw_parts
from devices.labels.shaping import Part
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL import Image

    from devices.labels.layout import Drawing, Label, Options
    from devices.labels.notes import Notes

MOST = 99_999  # bytes of a graphic
RUN = re.compile(r"(.)\1\1+")


def refuse_sheet(options: Options) -> None:
    """Raise Refusal where labels are no roll's."""
    if not options.stock.is_roll:
        raise Refusal(refusals.ZPL_OF_SHEET, field="options/output")


def write(
    out: IO[bytes],
    labels: Iterable[Label],
    options: Options,
    logo: Image.Image | None = None,
    notes: Notes | None = None,
) -> int:
    """Write one file, label by label; return how many are in it. Raises Refusal."""
    refuse_sheet(options)
    count = 0
    for label in labels:
        drawing = draw(label, options)
        out.write("".join(_write_label(drawing, options, logo)).encode("ascii"))
        if notes:
            notes.add_drawing(label, drawing)
        count += 1
    return count


def _write_label(drawing: Drawing, options: Options, logo: Image.Image | None) -> Iterator[str]:
    width, height = options.dots
    yield f"^XA^PW{width}^LL{height}^LH0,0\n"
    if options.marks == "outline":
        yield f"^FO0,0^GB{width},{height},1^FS\n"
    for part in draw_parts(drawing, options, logo):
        for picture, x, y in _split_part(part):
            yield f"^FO{x},{y}{encode_graphic(picture)}^FS\n"
    yield "^XZ\n"


def _split_part(part: Part) -> Iterator[Part]:
    """Cut a picture that is too large for one graphic into bands below each other."""
    width, height = part.picture.size
    most = MOST // ((width + 7) // 8)
    for top in range(0, height, most):
        yield Part(part.picture.crop((0, top, width, min(height, top + most))), part.x, part.y + top)


def encode_graphic(picture: Image.Image) -> str:
    """Return ^GF with the dots in hexadecimal digits, compressed."""
    row_bytes = (picture.width + 7) // 8
    dots = picture.tobytes()
    rows = [dots[start : start + row_bytes] for start in range(0, len(dots), row_bytes)]
    former = [None, *rows]
    data = "".join(":" if row == before else _encode_row(row) for row, before in zip(rows, former, strict=False))
    return f"^GFA,{len(dots)},{len(dots)},{row_bytes},{data}"


def _encode_row(row: bytes) -> str:
    """Return the digits with runs counted; whole bytes that are white up to the end of the row are a comma."""
    digits, inked = row.hex().upper(), row.rstrip(b"\0").hex().upper()
    told = RUN.sub(lambda run: _count_run(run[1], len(run[0])), inked)
    return told + "," if len(inked) < len(digits) else told


def _count_run(digit: str, length: int) -> str:
    """Write a run of three or more: z is 400 of them, g to y twenties, G to Y ones."""
    fours, rest = divmod(length, 400)
    twenties, ones = divmod(rest, 20)
    return "z" * fours + (chr(ord("f") + twenties) if twenties else "") + (chr(ord("F") + ones) if ones else "") + digit
