"""The one stream view: server-sent events that say that a page should look again, and that the site is still there.

A stream says nothing of what is on the page, with two exceptions. Its events: `changed` (data and id are the version to
show), `alive` where nothing was said for a while (data: seconds until the next, and whether the site hears devices),
`gone` (nothing more will come, or the reader may no longer), `closed` (more are open than fit; data: of the person, the
organisation or the process). Scripts see each of them, so that a connection that died in silence is noticed. To many
who look at the same comes `shown` in place of `changed`: its id is the version, its data that version's fragment, as
JSON; so they need not all ask (docs/decisions/0051). So does it to who stands at a device's window (0061).
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse

from devices.mqtt.hearing import get_hearing
from devices.stream_loop import encode_event, encode_heartbeat, get_loop
from lib import live, stopping
from lib.lines import find_line
from lib.places import Bound, Places
from tenants.accounts.sessions import SignIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from devices.stream_loop import Loop
    from lib.lines import Line, Writer
    from tenants.models import User

    View = TypeVar("View", bound=Callable[..., object])

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
RESTART = "restart"
"""Why a stream ends without a word: the process does, and the browser connects to another one, or anew."""
LEAST = 0.01  # seconds between two questions
RESTS = 2  # looks to a heartbeat: writing to thousands takes longer than asking for them
LATE = 1 / 8  # of the time between two looks: one that comes later is not silent, for the next may be later still


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
    request: HttpRequest, look: Callable[[User, SignIn], Topic], *, spacing: float = 0.0, eager: bool = False
) -> HttpResponseBase:
    """Answer with the stream of a topic, or to HEAD with its headers alone.

    `look` runs in a thread, gates (raising the 404); given the user, and the sign-in on which the stream rests.
    `spacing` is the least number of seconds between two answers to announcements, for topics that change without pause.
    `eager` is for pages at which somebody stands and waits: each look is a heartbeat, not every second one.
    The version that the page shows comes as `Last-Event-ID`, or as `v`.
    """
    user = cast("User", await request.auser())
    topic = await sync_to_async(look)(user, SignIn.of(user, request.session))
    if request.method == "HEAD":
        return HttpResponse(headers=HEADERS)
    if stopping.is_closing():
        return HttpResponse(status=503, headers={"Retry-After": "1", "Cache-Control": "no-store"})
    stream = Stream(topic, read_shown(request), spacing, eager=eager)
    place = open_streams.take(*_list_bounds(user), left=stream.leave)
    if isinstance(place, Bound):
        return HttpResponse(status=429, headers={"Retry-After": "10", "Cache-Control": "no-store"})
    line = find_line(request)
    if line is None:
        return place.held_by(StreamingHttpResponse(stream.read(), headers=HEADERS))
    stream.ended = place.end
    answer = StreamingHttpResponse(stream.go_on_by(line), headers=HEADERS)
    return place.held_by(answer, unless=stream.has_begun)


open_streams = Places()


def read_shown(request: HttpRequest) -> str:
    """Return the version that the page shows."""
    return request.headers.get("Last-Event-ID") or request.GET.get("v", "")


def _list_bounds(user: User) -> tuple[Bound, ...]:
    return (
        Bound("person", user.pk, settings.STREAMS_PERSON),
        Bound("organisation", user.organisation_id, settings.STREAMS_ORGANISATION, user.tenant),
        Bound("process", None, settings.STREAMS_PROCESS, user.organisation_id),
    )


class Stream:
    """Follow a topic, and write to its reader what changes, until nothing more can come.

    It has no task: it is called back when somebody announces the topic, when an answer is there, and when time is up;
    all in one event loop, and in no request's context.
    """

    __slots__ = (
        "__weakref__",
        "_beat",
        "_hears",
        "_hurried",
        "_is_looking",
        "_is_resting",
        "_is_woken",
        "_last",
        "_loop",
        "_rests",
        "_said_at",
        "_spacing",
        "_timer",
        "_word",
        "_writer",
        "ended",
        "silent_since",
        "topic",
    )

    def __init__(self, topic: Topic, last: str, spacing: float = 0.0, *, eager: bool = False) -> None:
        self.topic, self._last, self._spacing = topic, last, spacing
        self._rests = 1 if eager else RESTS
        self._hears: bool | None = None  # as it said last
        self._said_at = 0.0  # by the monotonic clock: when anything was written last
        self.ended: Callable[[], None] | None = None
        self.silent_since = 0.0  # by the monotonic clock: when it asked, or said last that it has no answer
        self._writer: Writer | None = None
        self._loop: Loop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._beat = 0  # of the loop, at which its time is up; 0: at none
        self._word = ""
        self._hurried = self._is_woken = self._is_looking = self._is_resting = False

    # Its reader ---------------------------------------------------------------------------------

    async def go_on_by(self, line: Line) -> AsyncIterator[bytes]:
        """Take the line over once the head is sent: there are no parts for the request to send."""
        await get_hearing().first()
        line.take(self.stop)
        self._begin(line)
        return
        yield b""

    async def read(self) -> AsyncIterator[bytes]:
        """Yield the stream's events, where the server has no line to hand on."""
        await get_hearing().first()
        parts = Parts()
        self._begin(parts)
        try:
            while (part := await parts.take()) is not None:
                yield part
                parts.is_awaited = True
                if self._is_woken:
                    self.wake()
        finally:
            self.stop()

    def has_begun(self) -> bool:
        return self._writer is not None

    def leave(self, word: str) -> None:
        """End it because a newer one takes its place, or the process ends."""
        self._word = word
        if self._loop is not None:
            self._end(b"" if word == RESTART else encode_event("closed", word))

    def stop(self) -> None:
        """End without a word: nobody reads any more."""
        if self._loop is None:
            return
        live.get_hub().remove((self.topic.name, *self.topic.also), self.wake)
        self._stop_timer()
        self._loop = None
        if self.ended is not None:
            self.ended()

    def break_off(self) -> None:
        """End it as what broke: the page connects anew."""
        if self._loop is not None and self._writer is not None:
            self.stop()
            self._writer.abort()

    # What it tells ------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look, since there may be something new: at once, or after what goes on now."""
        self._is_woken = True
        if not self._is_looking and not self._is_resting:
            self._look()

    def come_due(self) -> None:
        """Go on: the beat has come for which it waited."""
        self._beat = 0
        self._look()

    def beat(self) -> None:
        """Say that the site is there, though nobody answers: a slow database does not make the stream fall silent."""
        self.silent_since = time.monotonic()
        if self._loop is not None and self._writer is not None and not self._writer.is_clogged:
            self._say(self._loop, self._writer, hears=False)

    def tell(self, looked: bool, seen: Seen | None, hears: bool) -> None:
        """Take the answer to what was asked; `looked`: whether the database could be asked. `hears`: whether the site
        hears devices."""
        if self._loop is None or self._writer is None:
            return
        self._is_looking = False
        if looked and seen is None:
            self._end(encode_event("gone"))
            return
        if changed := seen is not None and seen.version != self._last:
            self._last, self._said_at = seen.version, time.monotonic()
            self._writer.write(seen.event or encode_event("changed", seen.version, seen.version))
        if seen is not None and seen.final:
            self._end(encode_event("gone"))
            return
        if hears is not self._hears or time.monotonic() > self._said_at + (self._rests - 1 + LATE) * self._loop.every:
            self._say(self._loop, self._writer, hears=hears)
        self._wait(self._spacing if self._hurried or changed else 0.0, seen.again_in if seen else None)

    def _say(self, loop: Loop, writer: Writer, *, hears: bool) -> None:
        self._hears, self._said_at = hears, time.monotonic()
        writer.write(encode_heartbeat(self._rests * loop.every, hears))

    def _begin(self, writer: Writer) -> None:
        self._loop, self._writer = get_loop(), writer
        live.get_hub().add((self.topic.name, *self.topic.also), self.wake)
        if self._word:
            self.leave(self._word)
        else:
            self._look()

    def _look(self) -> None:
        if self._loop is None or self._writer is None:
            return
        if self._writer.is_clogged:  # it is told when it reads again
            self._wait_for_beat(self._loop.every)
            return
        self._hurried, self._is_woken, self._is_looking = self._is_woken, False, True
        self.silent_since = time.monotonic()
        self._stop_timer()
        self._loop.ask(self)

    def _wait(self, rest: float, again_in: float | None) -> None:
        """Look again at the next heartbeat or `again_in`, but heed no announcement within `rest` seconds."""
        if rest:
            self._is_resting = True
            self._call_later(rest, self._end_rest, rest, again_in)
        elif self._is_woken:
            self._look()
        else:
            self._look_later(0.0, again_in)

    def _end_rest(self, rested: float, again_in: float | None) -> None:
        self._is_resting = False
        if self._is_woken:
            self._look()
        else:
            self._look_later(rested, again_in)

    def _look_later(self, rested: float, again_in: float | None) -> None:
        if self._loop is None:
            return
        if again_in is not None and again_in < self._loop.every:
            self._call_later(max(again_in - rested, LEAST), self._look)
        else:
            self._wait_for_beat(self._loop.every - rested)

    def _end(self, last: bytes) -> None:
        writer = self._writer
        self.stop()
        if writer is not None:
            if last:
                writer.write(last)
            writer.end()

    def _call_later(self, seconds: float, call: Callable[..., None], *given: object) -> None:
        self._stop_timer()
        if self._loop is not None:
            self._timer = self._loop.call_later(seconds, call, *given)

    def _wait_for_beat(self, seconds: float) -> None:
        self._stop_timer()
        if self._loop is not None:
            self._beat = self._loop.beats.wait(self, seconds)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._beat and self._loop is not None:
            self._loop.beats.forget(self, self._beat)
            self._beat = 0


class Parts:
    """Keep what is written for a reader who takes it part by part, and until it does; None is the end."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.is_awaited = True

    @property
    def is_clogged(self) -> bool:
        return not self.is_awaited or not self._waiting.empty()

    async def take(self) -> bytes | None:
        part = await self._waiting.get()
        self.is_awaited = False
        return part

    def write(self, data: bytes) -> None:
        self._waiting.put_nowait(data)

    def end(self) -> None:
        self._waiting.put_nowait(None)

    abort = end


def encode_shown(version: str, html: str) -> bytes:
    """Encode the event that carries a version's fragment."""
    return encode_event("shown", json.dumps(html), version)
