"""Live updates: names travel through Redis, never content; the page re-fetches its fragment through the gated view.

Every process holds one Redis subscription for all its streams. What was announced while Redis or the subscription
was away is found by the heartbeat, which reads the rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import contextmanager
from contextvars import Context
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from lib import redis_circuit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

log = logging.getLogger(__name__)

CHANNEL = "handover:live"
RECONNECT_SECONDS = 1.0
LISTEN_SECONDS = 1.0


@cache
def _get_publisher(url: str) -> redis.Redis:
    return redis_circuit.connect(url)


def announce(topics: Iterable[str]) -> None:
    """Wake the streams of these topics. Never raises: the rows are the truth, and heartbeats read them."""
    if names := " ".join(sorted(set(topics))):
        try:
            with redis_circuit.asking(settings.REDIS_URL):
                _get_publisher(settings.REDIS_URL).publish(CHANNEL, names)
        except redis_circuit.CircuitOpen:
            return
        except redis.RedisError as error:
            log.warning("live update not announced, streams find it by themselves: %s", error)


class Hub:
    """Wake many waiters from one subscription. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiters: dict[str, set[Callable[[], None]]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None

    def add(self, topics: Iterable[str], wake: Callable[[], None]) -> None:
        """Call `wake` whenever one of the topics is announced, until it is removed."""
        if self._listening is None or self._listening.done():
            # In a context of its own: it outlives the request that happens to be first.
            self._listening = asyncio.get_running_loop().create_task(self._listen(), context=Context())
        for topic in topics:
            self._waiters[topic].add(wake)

    def remove(self, topics: Iterable[str], wake: Callable[[], None]) -> None:
        for topic in topics:
            self._waiters[topic].discard(wake)
            if not self._waiters[topic]:
                del self._waiters[topic]

    @contextmanager
    def waiter(self, *topics: str) -> Iterator[asyncio.Event]:
        """Yield what is set when one of the topics is announced."""
        event = asyncio.Event()
        self.add(topics, event.set)
        try:
            yield event
        finally:
            self.remove(topics, event.set)

    def count_waiters(self, topic: str) -> int:
        """Return how many wait for the topic."""
        return len(self._waiters.get(topic, ()))

    def wake(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for wake in tuple(self._waiters.get(topic, ())):
                wake()

    async def _listen(self) -> None:
        while not _is_cancelled():
            try:
                await self._relay()
            except Exception as error:
                log.warning("live updates interrupted, trying again: %s", error)
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _relay(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_keepalive=True, retry=Retry(NoBackoff(), 0))
        async with client, client.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            while not _is_cancelled():
                self._handle_message(await subscription.get_message(timeout=LISTEN_SECONDS))

    def _handle_message(self, message: dict[str, Any] | None) -> None:
        if message is not None and message["type"] == "subscribe":
            self.wake(list(self._waiters))  # whatever was missed while away
        elif message is not None and message["type"] == "message":
            self.wake(message["data"].decode(errors="replace").split())


def _is_cancelled() -> bool:
    """Return whether this task is to end: redis-py can swallow a cancellation while it connects."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
