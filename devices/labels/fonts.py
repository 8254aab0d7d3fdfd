"""The labels' typefaces: DejaVu, whose zero has a dot and whose capital i has serifs, embedded in every PDF."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

SERIAL = "DejaVuSansMono-Bold"
WORDS = "DejaVuSansCondensed"
ELLIPSIS = "…"


@cache
def register() -> None:
    """Once a process: reading a font takes a tenth of a second."""
    for name in (SERIAL, WORDS):
        pdfmetrics.registerFont(TTFont(name, str(settings.BASE_DIR / "static/vendor/dejavu" / f"{name}.ttf")))


def width(words: str, font: str, size: float) -> float:
    """In points, as `size`."""
    register()
    return float(pdfmetrics.stringWidth(words, font, size))


def printable(words: str, font: str) -> str:
    """What the typeface can't draw becomes a question mark rather than an empty box."""
    register()
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(character if ord(character) in glyphs else "?" for character in words if character.isprintable())


def cut(words: str, font: str, size: float, room: float) -> str:
    """As much of it as fits, with an ellipsis if that is not all."""
    if width(words, font, size) <= room + 0.01:  # it may have been fitted to just that
        return words
    kept = words
    while kept and width(kept + ELLIPSIS, font, size) > room:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS
