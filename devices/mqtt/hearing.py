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

    async def now(self) -> bool:
        if self._asked is None or (self._asked.done() and time.monotonic() > self._until):
            self._until = time.monotonic() + FRESH_SECONDS
            self._asked = asyncio.get_running_loop().run_in_executor(_thread, _look)
        return self._asked.result() if self._asked.done() else await asyncio.shield(self._asked)


_answers: MutableMapping[asyncio.AbstractEventLoop, Hearing] = WeakKeyDictionary()


async def hears() -> bool:
    """Return whether devices are heard and stored at the moment; known some seconds after it changed."""
    return await _answers.setdefault(asyncio.get_running_loop(), Hearing()).now()
