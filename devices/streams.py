"""The one stream view: server-sent events that say that a page should look again, and that the site is still there.

A stream says nothing of what is on the page. Its events: `changed` (data and id are the version to show), `alive` at
every heartbeat (data: seconds until the next, and whether the site hears devices), `gone` (nothing more will come, or
the reader may no longer), `closed` (more are open than fit; data: of the person, the organisation or the process).
Scripts see each of them, so that a connection that died in silence is noticed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse

from devices.mqtt.hearing import hears
from lib import live, stopping
from lib.places import Bound, Places
from tenants.accounts import sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from tenants.models import User

    View = TypeVar("View", bound=Callable[..., object])

log = logging.getLogger(__name__)

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
RESTART = "restart"
"""Why a stream ends without a word: the process does, and the browser connects to another one, or anew."""
CHECKS = 4  # threads for what all streams of a process ask the database
SLOW = 2.0  # seconds for such a question, at least, until the stream beats without its answer

_checks = ThreadPoolExecutor(CHECKS, thread_name_prefix="stream")


class Seen(NamedTuple):
    """Hold what a check found: the version that the page should show, and when it may change by itself."""

    version: str
    again_in: float | None = None  # seconds
    final: bool = False


class Topic(NamedTuple):
    """Say what wakes a stream, and what it then asks: in a thread, gating anew; None ends the stream."""

    name: str
    check: Callable[[], Seen | None]
    also: tuple[str, ...] = ()  # names of others that wake it


def long_lived(view: View) -> View:
    """Mark a view whose answer stays open (see config/asgi.py)."""
    view.long_lived = True  # type: ignore[attr-defined]
    return view


async def serve(
    request: HttpRequest, look: Callable[[User, QuerySet[User]], Topic], *, spacing: float = 0.0
) -> HttpResponseBase:
    """Answer with the stream of a topic, or to HEAD with its headers alone.

    `look` runs in a thread, gates (raising the 404); given the user, and the user while their sign-in stands.
    `spacing` is the least number of seconds between two answers to announcements, for topics that change without pause.
    The version that the page shows comes as `Last-Event-ID`, or as `v`.
    """
    user = cast("User", await request.auser())
    topic = await sync_to_async(look)(user, sessions.find_signed_in(user, request.session))
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
            looking = asyncio.create_task(_look(topic))
            while not (await asyncio.wait([looking], timeout=max(settings.STREAM_HEARTBEAT_SECONDS, SLOW)))[0]:
                yield await _build_heartbeat(looked=False)  # a slow database does not make the stream fall silent
            looked, seen = looking.result()
            if looked and seen is None:
                yield _encode_event("gone")
                return
            if changed := seen is not None and seen.version != last:
                last = seen.version
                yield _encode_event("changed", last, last)
            if seen is not None and seen.final:
                yield _encode_event("gone")
                return
            yield await _build_heartbeat(looked=looked)
            rest = spacing if hurried or changed else 0.0
            await asyncio.sleep(rest)
            soon = seen.again_in if seen else None
            pause = min(settings.STREAM_HEARTBEAT_SECONDS, soon or float("inf"))
            await _wait(woken, max(pause - rest, 0.01))


def _encode_event(name: str, data: str = "", identity: str = "") -> bytes:
    known = f"id: {identity}\n" if identity else ""
    return f"event: {name}\n{known}data: {data or name}\n\n".encode()


async def _build_heartbeat(*, looked: bool) -> bytes:
    """Return the event `alive`. `looked`: whether the database, without which nothing is heard, has answered."""
    said = {"every": settings.STREAM_HEARTBEAT_SECONDS, "hears": looked and await hears()}
    return _encode_event("alive", json.dumps(said))


async def _look(topic: Topic) -> tuple[bool, Seen | None]:
    """Ask what the page shows; return whether that could be asked, and what was seen."""
    try:
        return True, await asyncio.get_running_loop().run_in_executor(_checks, _run_check, topic.check)
    except DatabaseError as error:
        log.warning("live stream can't read what it shows, trying again: %s", error)
        return False, None


def _run_check(check: Callable[[], Seen | None]) -> Seen | None:
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
