"""Numbers as devices write them into texts: docs/protocol.md, "Numbers written as text"."""

from __future__ import annotations

import math
import re

MAX_INTEGER = 2**53  # beyond it a float, and every browser, is no longer exact
MAX_LENGTH = 40

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)  # a comma for thousands, or for decimals


def parse_number(text: str) -> float | None:
    """Return the number that the text is, with a point or a comma before its decimals; None for what is none, too
    great, or may be two."""
    bare = text[: MAX_LENGTH + 1].strip().replace("\u2212", "-")
    if len(text) > MAX_LENGTH or not _NUMBER.fullmatch(bare) or _AMBIGUOUS.fullmatch(bare):
        return None
    value = float(bare.replace(",", "."))
    if not math.isfinite(value):
        return None
    if _WHOLE.fullmatch(bare):
        return int(bare) if abs(int(bare)) <= MAX_INTEGER else None
    return value
