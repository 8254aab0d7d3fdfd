"""The labels' typefaces: DejaVu, whose zero has a dot and whose capital i has serifs, embedded in every PDF; for what
it lacks, those of `LABEL_FONTS`, in their order."""

from __future__ import annotations

import logging
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from django.conf import settings
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from devices.labels import shaping
from devices.labels.scripts import JOINERS, has_joined

SERIAL = "DejaVuSansMono-Bold"
WORDS = "DejaVuSansCondensed"
ELLIPSIS = "…"

log = logging.getLogger(__name__)


@cache
def register_fonts() -> None:
    """Register the typefaces, once a process: reading a font takes a tenth of a second."""
    for name in (SERIAL, WORDS):
        pdfmetrics.registerFont(TTFont(name, find_file(name)))


def find_file(font: str) -> str:
    """Return the path of a typeface's file."""
    return font if "/" in font else str(settings.BASE_DIR / "static/vendor/dejavu" / f"{font}.ttf")


def list_fonts(main: str) -> tuple[str, ...]:
    """Return the typefaces that `main` and its stand-ins are, in the order in which they are asked for a letter."""
    register_fonts()
    return (main, *_register_others(tuple(settings.LABEL_FONTS)))


@cache
def _register_others(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path for path in paths if _register_file(path))


@cache
def _register_file(path: str) -> bool:
    """Make a file known under its own path. One that can't be used is told to the log, once, and left out."""
    try:
        pdfmetrics.registerFont(TTFont(path, path))
    except (TTFError, OSError) as error:
        log.error("LABEL_FONTS: %s can't be used (%s). Name a TrueType font with outlines.", path, error)  # noqa: TRY400
        return False
    return True


def read_glyphs(font: str) -> dict[int, Any]:
    """Return what a typeface has, by code point."""
    register_fonts()
    glyphs: dict[int, Any] = pdfmetrics.getFont(font).face.charToGlyph
    return glyphs


def find_font(character: str, main: str) -> str | None:
    """Return the first typeface that has the letter."""
    return next((font for font in list_fonts(main) if ord(character) in read_glyphs(font)), None)


def find_shaper(words: str, main: str) -> str | None:
    """Return the first typeface that has all of these words and joins their letters; None where no letter is joined."""
    if not has_joined(words) or not shaping.is_available():
        return None
    return next((font for font in list_fonts(main) if _is_shaper(font) and _has_all(words, font)), None)


@lru_cache(maxsize=64)
def _is_shaper(font: str) -> bool:
    """Return whether it says how its letters are joined."""
    return "GSUB" in pdfmetrics.getFont(font).face.table


def _has_all(words: str, font: str) -> bool:
    glyphs = read_glyphs(font)
    return all(ord(each) in glyphs or each in JOINERS for each in words)


def split_runs(words: str, main: str) -> list[tuple[str, str]]:
    """Split words into runs of one typeface each: that, and the letters."""
    if words.isascii():
        return [(main, words)]
    fonts = [(find_font(character, main) or main, character) for character in words]
    return [(font, "".join(each for _, each in run)) for font, run in groupby(fonts, key=lambda pair: pair[0])]


def measure_width(words: str, font: str, size: float) -> float:
    """Return the width of the words in points, as `size`."""
    if shaper := find_shaper(words, font):
        return shaping.measure_width(words, find_file(shaper), size)
    register_fonts()
    return sum(float(pdfmetrics.stringWidth(run, name, size)) for name, run in split_runs(words, font))


def measure_excess(words: str, font: str, above: float, below: float) -> float:
    """Return by how much the ink is higher or lower than a line has room (in sizes of the type), 1 at least: joined
    scripts have marks above marks."""
    if not (shaper := find_shaper(words, font)):
        return 1.0
    ascent, descent = shaping.measure_ink(words, find_file(shaper))
    return max(1.0, ascent / above, descent / below)


def cut_to_fit(words: str, font: str, size: float, room: float) -> str:
    """Return as many of the words as fit `room` (points), with an ellipsis if those are not all."""
    if measure_width(words, font, size) <= room + 0.01:  # it may have been fitted to just that
        return words
    shaper = find_shaper(words, font)
    mark = "" if shaper and not _has_all(ELLIPSIS, shaper) else ELLIPSIS
    kept = words
    while kept and measure_width(kept + mark, font, size) > room:
        kept = kept[:-1]
    return kept.rstrip() + mark
