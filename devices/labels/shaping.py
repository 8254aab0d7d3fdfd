"""Words in a printer's dots, their letters joined and in order as their script wants it: by HarfBuzz and FriBidi, which
Pillow brings along or finds."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, features

EXACT = 256  # dots: widths are measured at this size


class Part(NamedTuple):
    """A picture of mode "1" whose ones are the ink, and its upper left corner, in dots."""

    picture: Image.Image
    x: int
    y: int


@cache
def is_available() -> bool:
    """Return whether letters can be joined here: Pillow loads FriBidi from the system (Debian's `libfribidi0`)."""
    return bool(features.check_feature("raqm"))


def measure_width(words: str, path: str, size: float) -> float:
    """Return the width of joined words, as `size`."""
    return _load_face(path, EXACT, shaped=True).getlength(words) * size / EXACT


def measure_ink(words: str, path: str) -> tuple[float, float]:
    """Return how far joined words reach above and below their baseline, in sizes of the type."""
    _, top, _, bottom = _load_face(path, EXACT, shaped=True).getbbox(words, anchor="ls")
    return -top / EXACT, bottom / EXACT


def draw_words(words: str, path: str, size: float, *, shaped: bool = True) -> Part:
    """Draw words of one typeface, `size` dots high; the place is the picture's, from where their baseline begins."""
    face = _load_face(path, size, shaped=shaped)
    left, top, right, bottom = (int(side) for side in face.getbbox(words, anchor="ls"))
    picture = Image.new("1", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), words, fill=1, font=face, anchor="ls")
    return Part(picture, left, top)


@lru_cache(maxsize=256)
def _load_face(path: str, size: float, *, shaped: bool) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return ImageFont.truetype(path, size, layout_engine=engine)
