"""Of two transactions that wait for each other the database ends one. That one is tried again: the other has won."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db import OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
TRIES = 3
LOST = "40P01"


def try_again(act: Callable[[], T]) -> T:
    """Return what `act` does in a transaction of its own; carried out again where the database ended that in favour of
    another one, and as often as is sensible."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except OperationalError as error:
            if not _has_lost(error):
                raise
    return act()


def _has_lost(error: OperationalError) -> bool:
    """Decide whether it lost against somebody else. Who has waited for a lock as long as it may would do so again, and
    whoever has no connection gets none at once. SQLite has no codes: mostly its file is somebody else's."""
    return bool(getattr(error.__cause__, "sqlstate", LOST) == LOST)
