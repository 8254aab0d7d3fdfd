"""What people call things: one line that can be read. The one rule of every door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def one_line(text: str, field: str = "") -> str:
    """Return `text` with each run of white space, line ends too, as one space.

    Raises ValidationError (of `field`) for what can't be seen: control characters, NUL, what turns the direction of
    writing, halves of surrogate pairs.
    """
    line = " ".join(text.split())
    if line.isprintable():
        return line
    unseen = next(character for character in line if not character.isprintable())
    cause = f"Leave control characters out of it: there is one that can't be seen (U+{ord(unseen):04X})."
    raise ValidationError({field: cause} if field else cause)


def one_line_each(tags: Mapping[str, object], field: str = "tags") -> dict[str, object]:
    """Return the tags, their names and those of their values that are texts on one line each."""
    return {
        one_line(name, field): one_line(value, field) if isinstance(value, str) else value
        for name, value in tags.items()
    }
