"""Keys of rows, as addresses and forms give them."""

from __future__ import annotations


def whole(text: str) -> int:
    """The key that the text is; 0, which no row has, for whatever is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
