"""The one stream view: server-sent events that say that a page should look again, and that the site is still there.

A stream says nothing of what is on the page, except to many at once. Its events: `changed` (data and id are the version
to show), `alive` at every heartbeat (data: seconds until the next, and whether the site hears devices), `gone` (nothing
more will come, or the reader may no longer), `closed` (more are open than fit; data: of the person, the organisation or
the process). Scripts see each of them, so that a connection that died in silence is noticed. To many who look at the
same comes `shown` in place of `changed`: its id is the version, its data that version's fragment, as JSON; so they need
not all ask: docs/decisions/0051.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse

from devices.mqtt.hearing import hears
from lib import live, stopping
from lib.places import Bound, Places
from tenants.accounts.sessions import SignIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from tenants.models import User

    View = TypeVar("View", bound=Callable[..., object])
    Looked = tuple[bool, "Seen | None"]

S = TypeVar("S")

log = logging.getLogger(__name__)

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
RESTART = "restart"
"""Why a stream ends without a word: the process does, and the browser connects to another one, or anew."""
CHECKS = 4  # threads for what all streams of a process ask the database
SLOW = 2.0  # seconds for such a question, at least, until the stream beats without its answer

AT_ONCE = 1_000  # streams of one question
BEATS = 16  # of one heartbeat: so many of each second's streams ask together

_checks = ThreadPoolExecutor(CHECKS, thread_name_prefix="stream")


class Seen(NamedTuple):
    """Hold what a check found: the version that the page should show, and when it may change by itself.

    `event` is what says so, encoded, if it is more than the version's name.
    """

    version: str
    again_in: float | None = None  # seconds
    final: bool = False
    event: bytes = b""


class Topic(NamedTuple):
    """Say what wakes a stream, and what it then asks: in a thread, gating anew; None ends the stream.

    `together` asks for many at once what their `check` asks each for itself, and answers in the same order; it is told,
    of each, how many streams of the process its topic wakes.
    """

    name: str
    check: Callable[[], Seen | None]
    also: tuple[str, ...] = ()  # names of others that wake it
    together: Callable[[Sequence[Any], Sequence[int]], Sequence[Seen | None]] | None = None


def long_lived(view: View) -> View:
    """Mark a view whose answer stays open (see config/asgi.py)."""
    view.long_lived = True  # type: ignore[attr-defined]
    return view


async def serve(
    request: HttpRequest, look: Callable[[User, SignIn], Topic], *, spacing: float = 0.0
) -> HttpResponseBase:
    """Answer with the stream of a topic, or to HEAD with its headers alone.

    `look` runs in a thread, gates (raising the 404); given the user, and the sign-in on which the stream rests.
    `spacing` is the least number of seconds between two answers to announcements, for topics that change without pause.
    The version that the page shows comes as `Last-Event-ID`, or as `v`.
    """
    user = cast("User", await request.auser())
    topic = await sync_to_async(look)(user, SignIn.of(user, request.session))
    if request.method == "HEAD":
        return HttpResponse(headers=HEADERS)
    if stopping.is_closing():
        return HttpResponse(status=503, headers={"Retry-After": "1", "Cache-Control": "no-store"})
    last = request.headers.get("Last-Event-ID") or request.GET.get("v", "")
    end = End()
    place = open_streams.take(*_list_bounds(user), left=end.end_because)
    if isinstance(place, Bound):
        return HttpResponse(status=429, headers={"Retry-After": "10", "Cache-Control": "no-store"})
    return place.held_by(StreamingHttpResponse(events(topic, last, spacing, end), headers=HEADERS))


open_streams = Places()


def _list_bounds(user: User) -> tuple[Bound, ...]:
    return (
        Bound("person", user.pk, settings.STREAMS_PERSON),
        Bound("organisation", user.organisation_id, settings.STREAMS_ORGANISATION, user.tenant),
        Bound("process", None, settings.STREAMS_PROCESS, user.organisation_id),
    )


class End:
    """Keep why a stream ends whose place a newer one took; in the event loop's thread."""

    def __init__(self) -> None:
        self.word = ""
        self.woken: asyncio.Event | None = None

    def end_because(self, word: str) -> None:
        self.word = word
        if self.woken is not None:
            self.woken.set()


async def events(topic: Topic, last: str, spacing: float = 0.0, end: End | None = None) -> AsyncIterator[bytes]:
    """Yield the stream's events until nothing more can come."""
    end = end or End()
    with live.get_hub().waiter(topic.name, *topic.also) as woken:
        end.woken = woken
        while True:
            hurried = woken.is_set()
            woken.clear()
            if end.word == RESTART:
                return
            if end.word:
                yield _encode_event("closed", end.word)
                return
            looking = _look(topic)
            while (
                not looking.done()
                and not (await asyncio.wait([looking], timeout=max(settings.STREAM_HEARTBEAT_SECONDS, SLOW)))[0]
            ):
                yield await _build_heartbeat(looked=False)  # a slow database does not make the stream fall silent
            looked, seen = looking.result()
            if looked and seen is None:
                yield _encode_event("gone")
                return
            if changed := seen is not None and seen.version != last:
                last = seen.version
                yield seen.event or _encode_event("changed", last, last)
            if seen is not None and seen.final:
                yield _encode_event("gone")
                return
            yield await _build_heartbeat(looked=looked)
            rest = spacing if hurried or changed else 0.0
            if rest:
                await asyncio.sleep(rest)
            soon = seen.again_in if seen else None
            pause = min(_find_beat(topic), soon or float("inf"))
            await _wait(woken, max(pause - rest, 0.01))


def _encode_event(name: str, data: str = "", identity: str = "") -> bytes:
    known = f"id: {identity}\n" if identity else ""
    return f"event: {name}\n{known}data: {data or name}\n\n".encode()


async def _build_heartbeat(*, looked: bool) -> bytes:
    """Return the event `alive`. `looked`: whether the database, without which nothing is heard, has answered."""
    return _encode_heartbeat(settings.STREAM_HEARTBEAT_SECONDS, looked and await hears())


@lru_cache(maxsize=8)
def _encode_heartbeat(every: float, heard: bool) -> bytes:
    return _encode_event("alive", json.dumps({"every": every, "hears": heard}))


def encode_shown(version: str, html: str) -> bytes:
    """Encode the event that carries a version's fragment."""
    return _encode_event("shown", json.dumps(html), version)


class Asked(NamedTuple):
    """Hold a stream's question, and how many its topic wakes."""

    check: Callable[[], Seen | None]
    crowd: int
    found: asyncio.Future[Looked]


@dataclass
class Round:
    """Collect, in an event loop, the streams that ask the same kind of question while the last one is on its way."""

    together: Callable[[Sequence[Any], Sequence[int]], Sequence[Seen | None]]
    waiting: list[Asked] = field(default_factory=list)
    asking: asyncio.Task[None] | None = None

    def ask(self, topic: Topic) -> asyncio.Future[Looked]:
        found: asyncio.Future[Looked] = asyncio.get_running_loop().create_future()
        self.waiting.append(Asked(topic.check, live.get_hub().count_waiters(topic.name), found))
        if self.asking is None or self.asking.done():
            self.asking = asyncio.create_task(self._ask_all())
        return found

    async def _ask_all(self) -> None:
        while self.waiting:
            asked, self.waiting = self.waiting[:AT_ONCE], self.waiting[AT_ONCE:]
            ask = partial(self.together, [each.check for each in asked], [each.crowd for each in asked])
            try:
                looked, seen = await _run(ask)
            except Exception as error:
                for each in asked:
                    each.found.set_exception(error)
                continue
            for each, answer in zip(asked, seen or [None] * len(asked), strict=True):
                each.found.set_result((looked, answer))


_rounds: MutableMapping[asyncio.AbstractEventLoop, dict[Any, Round]] = WeakKeyDictionary()


def _look(topic: Topic) -> asyncio.Future[Looked]:
    """Ask what the page shows, with all others that ask now; return whether that could be asked, and what was seen."""
    if topic.together is None:
        return asyncio.ensure_future(_run(topic.check))
    rounds = _rounds.setdefault(asyncio.get_running_loop(), {})
    return rounds.setdefault(topic.together, Round(topic.together)).ask(topic)


async def _run(check: Callable[[], S]) -> tuple[bool, S | None]:
    try:
        return True, await asyncio.get_running_loop().run_in_executor(_checks, _run_check, check)
    except DatabaseError as error:
        log.warning("live stream can't read what it shows, trying again: %s", error)
        return False, None


def _find_beat(topic: Topic) -> float:
    """Return the seconds until the stream asks by itself: of those that can ask together, at the same moments."""
    every: float = settings.STREAM_HEARTBEAT_SECONDS
    if topic.together is None:
        return every
    step = every / BEATS
    return every - (asyncio.get_running_loop().time() % step)


def _run_check(check: Callable[[], S]) -> S:
    """Run the check, keeping no database connection afterwards."""
    close_old_connections()
    try:
        return check()
    finally:
        close_old_connections()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
