"""What addresses, forms and JSON give, read the same everywhere: whole numbers, and texts that a database takes."""

from __future__ import annotations

LARGEST = 2**63 - 1  # of a key
LONGEST_SEARCH = 120  # characters of what is searched for


def is_whole_number(text: str) -> bool:
    """Return whether it is digits alone, those of ASCII."""
    return text.isascii() and text.isdigit()


def parse_whole_number(text: str) -> int:
    """Return the number that the text is; 0, which no row has for a key, for whatever is none or is too large."""
    return int(text) if is_whole_number(text) and len(text) < 19 else 0


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL takes it: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


def clean_search_text(text: str, most: int = LONGEST_SEARCH) -> str:
    """Return what is searched for, as far as a database takes it."""
    return remove_nul(text).strip()[:most]


def remove_nul(text: str) -> str:
    """Return a text that a look-up can be asked with."""
    return text.replace("\0", "")
