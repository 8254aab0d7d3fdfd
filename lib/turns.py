"""Turns for short work that many ask for at once: whoever asks for much waits behind whoever asks for little."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

View = TypeVar("View", bound="Callable[..., object]")


class Turns:
    """Let `at_once` through; those who wait come in turn by who they are, of one the newest `waiting` at most.

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
        queue = self._queues.setdefault(who, deque())
        if len(queue) >= self._waiting and not (oldest := queue.popleft()).done():
            oldest.set_result(False)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            return self._ender() if await turn else None
        except asyncio.CancelledError:
            self._forget(who, turn)
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
            who, queue = next(iter(self._queues.items()))
            del self._queues[who]
            turn = queue.popleft()
            if queue:
                self._queues[who] = queue  # at the end: the others come first
            if not turn.done():
                turn.set_result(True)
                return
        self._free += 1

    def _forget(self, who: Hashable, turn: asyncio.Future[bool]) -> None:
        if turn.done() and not turn.cancelled() and turn.result():
            self._next()  # its turn had come
        elif turn in (queue := self._queues.get(who, deque())):
            queue.remove(turn)
            if not queue:
                del self._queues[who]


def out_of_turn(view: View) -> View:
    """Mark a view that waits for nobody's turn: what machines ask, who have few and quick questions."""
    view.out_of_turn = True  # type: ignore[attr-defined]
    return view


def out_of_turn_if(asks: Callable[[Mapping[bytes, bytes]], bool]) -> Callable[[View], View]:
    """Mark a view that waits for nobody's turn where the headers of a request say so, by names in lower case."""

    def mark(view: View) -> View:
        view.out_of_turn_if = asks  # type: ignore[attr-defined]
        return view

    return mark
