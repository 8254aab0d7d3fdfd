"""What the streams of an event loop share: they ask the database together, and wait for their heartbeats by beats.

See docs/decisions/0051.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from devices.mqtt.hearing import get_hearing
from lib import live
from lib.beats import Beats

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, MutableMapping, Sequence

    from devices.streams import Seen, Stream

S = TypeVar("S")

log = logging.getLogger(__name__)

CHECKS = 4  # threads for what all streams of a process ask the database
SLOW = 2.0  # seconds for such a question, at least, until the stream beats without its answer
LOOKS = 8  # within the time in which a stream without an answer may be silent
AT_ONCE = 1_000  # streams of one question
BEATS = 16  # of one heartbeat: those whose time is up within one of them ask together

_checks = ThreadPoolExecutor(CHECKS, thread_name_prefix="stream")


def encode_event(name: str, data: str = "", identity: str = "") -> bytes:
    known = f"id: {identity}\n" if identity else ""
    return f"event: {name}\n{known}data: {data or name}\n\n".encode()


def hears_devices(*, looked: bool) -> bool:
    """Return whether the site hears devices. `looked`: whether the database, without which it does not, answered."""
    return looked and get_hearing().last()


@lru_cache(maxsize=8)
def encode_heartbeat(every: float, hears: bool) -> bytes:
    """Return the event `alive`; `every`: seconds until the next."""
    return encode_event("alive", json.dumps({"every": every, "hears": hears}))


@dataclass
class Round:
    """Collect, in an event loop, the streams that ask the same kind of question while the last one is on its way."""

    loop: Loop
    together: Callable[[Sequence[Any], Sequence[int]], Sequence[Seen | None]]
    waiting: list[Stream] = field(default_factory=list)
    asked: list[Stream] = field(default_factory=list)  # by the question that is on its way
    asking: asyncio.Task[None] | None = None

    async def ask_all(self) -> None:
        with self.loop.beating(lambda: [*self.asked, *self.waiting]):
            await self._ask_all()

    async def _ask_all(self) -> None:
        hub = live.get_hub()
        while self.waiting:
            asked = self.asked = self.waiting[:AT_ONCE]
            self.waiting = self.waiting[AT_ONCE:]
            crowds = [hub.count_waiters(stream.topic.name) for stream in asked]
            ask = partial(self.together, [stream.topic.check for stream in asked], crowds)
            try:
                looked, seen = await _run(ask)
            except Exception:
                log.exception("live streams break off")
                for stream in asked:
                    stream.break_off()
                continue
            self.asked = []
            hears = hears_devices(looked=looked)
            for stream, answer in zip(asked, seen or [None] * len(asked), strict=True):
                try:
                    stream.tell(looked, answer, hears)
                except Exception:
                    log.exception("a live stream breaks off")
                    stream.break_off()


class Loop:
    """Keep what the streams of an event loop share. What they do is in one context: none keeps its request's."""

    def __init__(self) -> None:
        self.every: float = settings.STREAM_HEARTBEAT_SECONDS
        self._context = Context()
        self.beats: Beats[Stream] = Beats(self.every / BEATS, self._context)
        self._rounds: dict[Any, Round] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def call_later(self, seconds: float, call: Callable[..., None], *given: object) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, call, *given, context=self._context)

    @contextmanager
    def beating(self, list_waiting: Callable[[], Iterable[Stream]]) -> Iterator[None]:
        """Let those who wait for long say that the site is there: for an answer, or until their turn comes to ask."""
        pause = max(self.every, SLOW)
        timer: asyncio.TimerHandle

        def beat() -> None:
            nonlocal timer
            timer = self.call_later(pause / LOOKS, beat)
            late = time.monotonic() - pause
            for stream in list_waiting():
                if stream.silent_since <= late:
                    stream.beat()

        timer = self.call_later(pause / LOOKS, beat)
        try:
            yield
        finally:
            timer.cancel()

    def ask(self, stream: Stream) -> None:
        """Let the stream be told what its page shows; those who ask now, and can, ask together."""
        topic = stream.topic
        if topic.together is None:
            self._begin(self._ask_one(stream))
            return
        round_ = self._rounds.setdefault(topic.together, Round(self, topic.together))
        round_.waiting.append(stream)
        if round_.asking is None or round_.asking.done():
            round_.asking = self._begin(round_.ask_all())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask_one(self, stream: Stream) -> None:
        try:
            with self.beating(lambda: [stream]):
                looked, seen = await _run(stream.topic.check)
        except Exception:
            log.exception("a live stream breaks off")
            stream.break_off()
        else:
            stream.tell(looked, seen, hears_devices(looked=looked))


_loops: MutableMapping[asyncio.AbstractEventLoop, Loop] = WeakKeyDictionary()


def get_loop() -> Loop:
    loop = asyncio.get_running_loop()
    if (known := _loops.get(loop)) is None:
        known = _loops[loop] = Loop()
    return known


async def _run(check: Callable[[], S]) -> tuple[bool, S | None]:
    try:
        return True, await asyncio.get_running_loop().run_in_executor(_checks, _run_check, check)
    except DatabaseError as error:
        log.warning("live stream can't read what it shows, trying again: %s", error)
        return False, None


def _run_check(check: Callable[[], S]) -> S:
    """Run the check, keeping no database connection afterwards."""
    close_old_connections()
    try:
        return check()
    finally:
        close_old_connections()
