"""Scripts whose letters depend on their neighbours: those are joined, stacked, or read from right to left."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import bidirectional, category, name

APART = frozenset(
    {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "ETHIOPIC", "CHEROKEE", "CANADIAN", "MODIFIER"}
)
EAST = frozenset({"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL", "YI", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC"})
"""Scripts whose letters stand beside each other, from left to right, as they are."""

JOINERS = frozenset({"\u200c", "\u200d"})
"""Signs without a shape that keep letters apart, or join them."""


@lru_cache(maxsize=4096)
def is_joined(character: str) -> bool:
    """Return whether its shape or place depends on the letters beside it."""
    if ord(character) < 0x300:
        return False
    if category(character) in {"Mn", "Mc"} or bidirectional(character) in {"R", "AL", "AN"}:
        return True
    return category(character).startswith("L") and name_script(character).upper() not in APART | EAST


def has_joined(words: str) -> bool:
    return not words.isascii() and any(map(is_joined, words))


def name_script(character: str) -> str:
    """Return the word by which Unicode names its script, such as `Arabic`."""
    return name(character, "UNKNOWN").partition(" ")[0].partition("-")[0].capitalize()
