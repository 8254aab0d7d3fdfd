"""What archiving a group does in the rooms above, told before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.models import Group

handed_in: list[Callable[[Group], str]] = []
"""Each says what it would do there, or nothing; by config, once, as the site starts."""


def foresee_archive(group: Group) -> list[str]:
    """Return what archiving the group would do, in sentences."""
    return [words for foresee in handed_in if (words := foresee(group))]
