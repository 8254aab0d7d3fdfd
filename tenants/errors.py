"""What refuses an operation that was asked for in good form: answered as a conflict, in words for people."""

from __future__ import annotations

from django.core.exceptions import ValidationError


class Changed(ValidationError):
    """The tree is no longer as it was shown; nothing was done."""


class Beyond(ValidationError):
    """The group is managed by whoever asks, and yet not theirs to move or to close; nothing was done."""


class Stale(ValidationError):
    """The row is no longer as it was shown; nothing was done."""

    def __init__(self) -> None:
        super().__init__("This changed meanwhile, and nothing was done. Look again.")
