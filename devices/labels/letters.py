"""Which letters of a name can be printed, and what stands for the others."""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import normalize

from devices.labels import fonts
from devices.labels.scripts import JOINERS, is_joined

STAND_IN = "?"
SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))  # of a letter's variant


class Words(NamedTuple):
    """Words as they are printed, and what is lost by that: letters of no typeface, and letters that would have to be
    joined or put in order."""

    shown: str
    missing: str = ""
    joined: str = ""


def fit_words(text: str, font: str) -> Words:
    """Put a question mark, not an empty box or a wrong shape, where a letter can't be drawn. Leave out controls."""
    if text.isascii():
        return Words("".join(each for each in text if each.isprintable()).strip())
    kept = [
        each for each in normalize("NFC", text) if (each.isprintable() and each not in SELECTORS) or each in JOINERS
    ]
    if fonts.find_shaper("".join(kept), font):
        return Words("".join(kept).strip())
    characters = [each for each in kept if each not in JOINERS]
    joined = {each for each in characters if is_joined(each)}
    missing = {each for each in characters if each not in joined and not fonts.find_font(each, font)}
    shown = "".join(STAND_IN if each in joined or each in missing else each for each in characters)
    return Words(shown.strip(), "".join(sorted(missing)), "".join(sorted(joined)))
