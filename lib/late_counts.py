"""What strangers can make happen as often as they like is counted in memory, and written once a second.

So the database has one statement a second of it, however many knock and however often. Putting one down waits for
nothing; while there are any, a thread writes them.
"""

from __future__ import annotations

import logging
import time
from threading import Lock, Timer
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db import Error, close_old_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

log = logging.getLogger(__name__)

SPACING = 1.0  # seconds between two writings
MOST = 2_000  # different ones that wait to be written; beyond it they are not

Thing = TypeVar("Thing")


class LateCounts(Generic[Thing]):
    """Collect things with how often each came, and hand them over once a second."""

    def __init__(self, write: Callable[[Iterable[tuple[Thing, int]]], None], *, of: str) -> None:
        self._write, self._of = write, of
        self._waiting: dict[Hashable, tuple[Thing, int]] = {}
        self._lock = Lock()
        self._timer: Timer | None = None
        self._counted_at = 0.0

    def note(self, key: Hashable, make: Callable[[], Thing]) -> None:
        """Put one down; from any thread, and at once. Of those with the same key the last one is kept."""
        with self._lock:
            times = self._waiting[key][1] if key in self._waiting else 0
            if not times and len(self._waiting) >= MOST:
                return
            self._waiting[key] = make(), times + 1
            if self._timer is None:
                due = max(self._counted_at + SPACING - time.monotonic(), 0.05)
                self._timer = start_timer(due, self._run)

    def _run(self) -> None:
        close_old_connections()
        try:
            self.count()
        except Error as error:
            log.warning("%s are not counted: %s", self._of, error)
        finally:
            close_old_connections()

    def count(self) -> None:
        """Write what was put down since the last time."""
        with self._lock:
            waiting, self._waiting, self._timer = list(self._waiting.values()), {}, None
            self._counted_at = time.monotonic()
        if waiting:
            self._write(waiting)


def start_timer(seconds: float, do: Callable[[], None]) -> Timer:
    timer = Timer(seconds, do)
    timer.daemon = True
    timer.start()
    return timer
