"""Turns for short work that many ask for at once: whoever asks for much waits behind whoever asks for little."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

View = TypeVar("View", bound="Callable[..., object]")


class Turns:
    """So many at once; those who wait come in turn by who they are, and of one the newest `waiting` wait at most.

    For one event loop.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free, self._waiting = at_once, waiting
        self._queues: dict[Hashable, deque[asyncio.Future[bool]]] = {}

    async def take(self, who: Hashable) -> Callable[[], None] | None:
        """Wait for a turn; return what ends it (repeated, it does nothing), or None: newer ones of theirs go first."""
        if self._free:
            self._free -= 1
            return self._ender()
        mine = self._queues.setdefault(who, deque())
        if len(mine) >= self._waiting and not (oldest := mine.popleft()).done():
            oldest.set_result(False)
        asked = asyncio.get_running_loop().create_future()
        mine.append(asked)
        try:
            return self._ender() if await asked else None
        except asyncio.CancelledError:
            self._forget(who, asked)
            raise

    def _ender(self) -> Callable[[], None]:
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._next()

        return end

    def _next(self) -> None:
        while self._queues:
            who, mine = next(iter(self._queues.items()))
            del self._queues[who]
            asked = mine.popleft()
            if mine:
                self._queues[who] = mine  # at the end: the others come first
            if not asked.done():
                asked.set_result(True)
                return
        self._free += 1

    def _forget(self, who: Hashable, asked: asyncio.Future[bool]) -> None:
        if asked.done() and not asked.cancelled() and asked.result():
            self._next()  # its turn had come
        elif asked in (mine := self._queues.get(who, deque())):
            mine.remove(asked)
            if not mine:
                del self._queues[who]


def out_of_turn(view: View) -> View:
    """Mark a view that waits for nobody's turn: what machines ask, who have few and quick questions."""
    view.out_of_turn = True  # type: ignore[attr-defined]
    return view
