"""What people call things, on one line, and what they write about them, on several. The one rule of every door."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError

LENGTH = 120  # of a name

# What Unicode counts as printable, and shows nothing: Hangul and Khmer fillers, the empty cell of Braille.
BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
WITHIN = frozenset("\n\t\u200c\u200d")  # of several lines; the last two shape Persian words and joined emoji
ENDS = str.maketrans(dict.fromkeys("\r\x85\u2028\u2029", "\n"))


def clean_one_line(text: str, field: str = "") -> str:
    """Return `text` with each run of white space, line ends too, as one space.

    Raises ValidationError (of `field`) for what can't be seen: control characters, NUL, what turns the direction of
    writing, halves of surrogate pairs, letters without a shape.
    """
    line = " ".join(text.split())
    if not is_plain(line) and (not line.isprintable() or not BLANK.isdisjoint(line)):
        unseen = next(character for character in line if not character.isprintable() or character in BLANK)
        raise _refusal(unseen, field)
    return line


def clean_name(text: str, field: str = "name", most: int = LENGTH) -> str:
    """Return what something is called. Raises ValidationError where it is empty, too long, or can't be seen."""
    name = clean_one_line(text, field)
    if not name:
        raise _error("Give it a name.", field)
    return _check_length(name, field, most)


def clean_several_lines(text: str, field: str = "", most: int = 500) -> str:
    """Return `text` with line feeds as line ends and none around it. Raises ValidationError as `clean_one_line`."""
    if is_plain(text):
        return _check_length(text.strip(), field, most)
    lines = text.replace("\r\n", "\n").translate(ENDS).strip()
    if not lines.isprintable() or not BLANK.isdisjoint(lines):
        for character in lines:
            is_shown = character.isprintable() or character in WITHIN or unicodedata.category(character) == "Zs"
            if character in BLANK or not is_shown:
                raise _refusal(character, field)
    return _check_length(lines, field, most)


def is_same(text: str, stored: str) -> bool:
    """Return whether it says what is stored, whichever line ends a form has sent."""
    return text.replace("\r\n", "\n").strip() == stored.replace("\r\n", "\n").strip()


def is_plain(text: str) -> bool:
    """Return whether it is printable ASCII, as nearly all of a file's 100,000 rows are: nothing is looked for in it."""
    return text.isascii() and text.isprintable()


def is_clean(text: str) -> bool:
    """Return whether it is surely what cleaning returns, of a name or of several lines that are stripped already."""
    return len(text) <= LENGTH and text.isascii() and text.isprintable() and "  " not in text


def _check_length(text: str, field: str, most: int) -> str:
    if len(text) > most:
        raise _error(f"{len(text)} characters are too many: at most {most}.", field)
    return text


def _refusal(unseen: str, field: str) -> ValidationError:
    return _error(f"Leave control characters out of it: there is one that can't be seen (U+{ord(unseen):04X}).", field)


def _error(cause: str, field: str) -> ValidationError:
    return ValidationError({field: cause} if field else cause)
