"""What people call things: one line that can be read. The one rule of every door."""

from __future__ import annotations

from django.core.exceptions import ValidationError

# What Unicode counts as printable, and shows nothing: Hangul and Khmer fillers, the empty cell of Braille.
BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def one_line(text: str, field: str = "") -> str:
    """Return `text` with each run of white space, line ends too, as one space.

    Raises ValidationError (of `field`) for what can't be seen: control characters, NUL, what turns the direction of
    writing, halves of surrogate pairs, letters without a shape.
    """
    line = " ".join(text.split())
    unseen = next((character for character in line if not character.isprintable() or character in BLANK), None)
    if unseen is None:
        return line
    cause = f"Leave control characters out of it: there is one that can't be seen (U+{ord(unseen):04X})."
    raise ValidationError({field: cause} if field else cause)
