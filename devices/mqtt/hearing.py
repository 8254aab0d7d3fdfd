"""Whether the site hears devices: what the consumer's heartbeat says, looked up once for all streams of a process."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import redis

from devices.mqtt import heartbeat

if TYPE_CHECKING:
    from collections.abc import MutableMapping

FRESH_SECONDS = 2.0

_thread = ThreadPoolExecutor(1, thread_name_prefix="hearing")


def _look() -> bool:
    """Return whether the consumer hears. Without Redis nobody knows, and it is taken to."""
    try:
        return heartbeat.hears(heartbeat.read())
    except redis.RedisError:
        return True


class Hearing:
    """Keep the answer of one event loop, asked for anew when it is older than FRESH_SECONDS."""

    def __init__(self) -> None:
        self._until = 0.0
        self._asked: asyncio.Future[bool] | None = None
        self._last = True

    def last(self) -> bool:
        """Return the last answer, and ask anew when that is old."""
        if self._asked is None or (self._asked.done() and time.monotonic() > self._until):
            self._until = time.monotonic() + FRESH_SECONDS
            self._asked = asyncio.get_running_loop().run_in_executor(_thread, _look)
        if self._asked.done():
            self._last = self._asked.result()
        return self._last

    async def first(self) -> None:
        """Wait for an answer, where there is none yet."""
        self.last()
        if self._asked is not None and not self._asked.done():
            await asyncio.shield(self._asked)


_answers: MutableMapping[asyncio.AbstractEventLoop, Hearing] = WeakKeyDictionary()


def get_hearing() -> Hearing:
    """Return whether devices are heard and stored at the moment, as this event loop knows it: some seconds late."""
    return _answers.setdefault(asyncio.get_running_loop(), Hearing())
