"""Redis as pages and the consumer ask it: briefly, and not at all while it is known not to answer.

A circuit breaker for each process. The first that gets no answer opens it, and whoever asks meanwhile is refused at
once; a thread asks again and again, and closes it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.5
AGAIN_SECONDS = 1.0
AWAY = redis.ConnectionError, redis.TimeoutError


class CircuitOpen(redis.ConnectionError):
    """Say that Redis did not answer a moment ago, and is not asked."""


def connection_options() -> dict[str, object]:
    """Return what bounds a command: one that times out is not repeated, one on a connection gone stale is, at once."""
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS, "retry": retry}


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, **connection_options())


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Ask this Redis in the block. Raises `CircuitOpen` while it is known not to answer; what the block raises opens
    the circuit if it says so."""
    if url in _open:
        raise CircuitOpen("Redis did not answer a moment ago")
    try:
        yield
    except Exception as error:
        if _says_away(error):
            _trip(url, error)
        raise


_open: set[str] = set()
_changing = threading.Lock()


def _says_away(error: BaseException | None) -> bool:
    """Return whether it, or what it was raised from (as the queue's library does), is Redis not answering."""
    return error is not None and (isinstance(error, AWAY) or _says_away(error.__cause__))


def _trip(url: str, error: Exception) -> None:
    with _changing:
        if url in _open:
            return
        _open.add(url)
    log.warning("Redis does not answer, going on without it: %s", error)
    threading.Thread(target=_close_once_it_answers, args=[url], daemon=True, name="redis circuit").start()


def _close_once_it_answers(url: str) -> None:
    try:
        with connect(url) as client:
            while not _answers(client):
                time.sleep(AGAIN_SECONDS)
        log.warning("Redis answers again")
    finally:  # whatever ended this: the next who asks finds out
        _open.discard(url)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except AWAY:
        return False
    except redis.RedisError:
        return True  # with a refusal, which whoever asks has to hear


# A forked process has no such thread.
os.register_at_fork(after_in_child=_open.clear)
