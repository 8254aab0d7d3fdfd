"""Beats: thousands that wait in an event loop for about the same moments, with one timer for all."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from contextvars import Context

log = logging.getLogger(__name__)


class Waiting(Protocol):
    """Wait for a beat."""

    def come_due(self) -> None:
        """Go on: the beat is there."""

    def break_off(self) -> None:
        """End: going on has failed."""


W = TypeVar("W", bound=Waiting)


class Beats(Generic[W]):
    """Divide time into beats of `length` seconds, of which only the next that somebody waits for has a timer.

    Belongs to one event loop; all comes due in one context.
    """

    def __init__(self, length: float, context: Context) -> None:
        self._length, self._context = length, context
        self._waiting: dict[int, dict[W, None]] = {}  # by the beat's number
        self._timer: asyncio.TimerHandle | None = None
        self._timed = 0  # the beat that has the timer

    def wait(self, waiting: W, seconds: float) -> int:
        """Let it come due after so many seconds, or up to a beat before; return the number of the beat."""
        now = time.monotonic()
        beat = max(int((now + seconds) / self._length), int(now / self._length) + 1)
        self._waiting.setdefault(beat, {})[waiting] = None
        if self._timer is None or beat < self._timed:
            self._set_timer(beat)
        return beat

    def forget(self, waiting: W, beat: int) -> None:
        """Let it not come due at this beat."""
        self._waiting.get(beat, {}).pop(waiting, None)

    def _set_timer(self, beat: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timed, pause = beat, beat * self._length - time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(pause, self._come_due, context=self._context)

    def _come_due(self) -> None:
        self._timer = None
        now = max(int(time.monotonic() / self._length), self._timed)
        for beat in sorted(beat for beat in self._waiting if beat <= now):
            for waiting in self._waiting.pop(beat):
                try:
                    waiting.come_due()
                except Exception:
                    log.exception("what waited for its beat breaks off")
                    waiting.break_off()
        if self._waiting:  # whoever came meanwhile may have set the timer for a later one
            self._set_timer(min(self._waiting))
