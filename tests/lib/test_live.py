"""Live streams on a real Redis: who is woken, what survives a killed Redis or a lost database, what stays behind."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
import redis
from django.db import OperationalError

from devices.mqtt import hearing
from devices.stream_loop import encode_heartbeat
from devices.streams import Seen, Stream, Topic
from lib import live
from tests import parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from pytest_django import Settings

SOON = 5.0


class Killable(parts.Redis):
    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(SOON)


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Killable]:
    """A Redis of the test's own, not started yet; streams hear nothing but it, and ask it for nothing."""
    monkeypatch.setattr(hearing, "_look", lambda: True)
    redis = Killable()
    settings.REDIS_URL = redis.url
    settings.STREAM_HEARTBEAT_SECONDS = 600.0
    live._get_publisher.cache_clear()
    yield redis
    live._get_publisher.cache_clear()
    redis.stop()


class Page:
    """A reader of one stream, and the row that it shows."""

    def __init__(self, topic: str, *, spacing: float = 0.0) -> None:
        self.version = "1"
        self.checks = 0
        self.fails: Exception | None = None
        self.may = True
        self.said: list[str] = []
        self.stream = Stream(Topic(topic, self.check), "1", spacing).read()

    def check(self) -> Seen | None:
        self.checks += 1
        if self.fails:
            raise self.fails
        return Seen(self.version) if self.may else None

    async def read(self) -> None:
        async for chunk in self.stream:
            if not chunk.startswith(b"event: alive"):
                self.said.append(chunk.decode().split("data: ")[1].strip())


@asynccontextmanager
async def reading(*pages: Page) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(page.read()) for page in pages]
    await until(lambda: all(page.checks for page in pages))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(true: Callable[[], object], seconds: float = SOON) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


async def subscribed(server: Killable) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        async with asyncio.timeout(SOON):
            while (await client.pubsub_numsub(live.CHANNEL))[0][1] == 0:
                await asyncio.sleep(0.01)


def all_told(pages: list[Page], version: str) -> bool:
    return all(page.said[-1:] == [version] for page in pages)


def announce(*topics: str) -> Coroutine[None, None, None]:
    return asyncio.to_thread(live.announce, topics)


def test_an_announcement_wakes_its_topic_only(server: Killable) -> None:
    async def scene() -> None:
        mine, other = Page("device:a"), Page("device:b")
        async with reading(mine, other):
            await subscribed(server)
            await until(lambda: mine.checks == other.checks == 2)  # once more when the subscription stood
            mine.version = other.version = "2"
            await announce("device:a", "device:c")
            await until(lambda: mine.said)
            assert (mine.said, other.said, other.checks) == (["2"], [], 2)

    server.start()
    asyncio.run(scene())


def test_what_has_not_changed_is_not_told(server: Killable) -> None:
    async def scene() -> None:
        page = Page("device:a")
        async with reading(page):
            await subscribed(server)
            await announce("device:a")
            await until(lambda: page.checks >= 2)
            assert page.said == []

    server.start()
    asyncio.run(scene())


def test_a_killed_redis_is_found_again_and_what_was_missed_is_told(server: Killable) -> None:
    async def scene() -> None:
        pages = [Page(f"device:{n}") for n in range(20)]
        async with reading(*pages):
            await subscribed(server)
            for version in ("2", "3"):
                await asyncio.to_thread(server.kill)
                for page in pages:
                    page.version = version
                await announce(*(f"device:{n}" for n in range(20)))  # nobody hears it
                await asyncio.to_thread(server.start)
                await until(partial(all_told, pages, version))
            pages[0].version = "4"
            async with asyncio.timeout(SOON):
                while pages[0].said != ["2", "3", "4"]:
                    await announce("device:0")  # heard once it is known here, too, that Redis answers again
                    await asyncio.sleep(0.1)

    server.start()
    asyncio.run(scene())


def test_without_redis_the_heartbeat_tells(server: Killable, settings: Settings) -> None:
    async def scene() -> None:
        page = Page("device:a")
        async with reading(page):
            page.version = "2"
            await until(lambda: page.said == ["2"])
            await asyncio.to_thread(server.start)
            await subscribed(server)

    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    asyncio.run(scene())


def test_a_message_that_is_not_ours_deafens_nobody(server: Killable) -> None:
    async def scene() -> None:
        page = Page("device:a")
        async with reading(page):
            await subscribed(server)
            redis.Redis.from_url(server.url).publish(live.CHANNEL, b"\xff\xfe \x00")
            page.version = "2"
            await announce("device:a")
            await until(lambda: page.said == ["2"])

    server.start()
    asyncio.run(scene())


def test_a_lost_database_breaks_no_stream(server: Killable) -> None:
    async def scene() -> None:
        page = Page("device:a")
        async with reading(page):
            await subscribed(server)
            page.fails = OperationalError("gone away")
            await announce("device:a")
            await until(lambda: page.checks >= 3)
            page.fails, page.version = None, "2"
            await announce("device:a")
            await until(lambda: page.said == ["2"])

    server.start()
    asyncio.run(scene())


def test_the_stream_ends_when_the_user_may_no_longer(server: Killable, settings: Settings) -> None:
    async def scene() -> None:
        page = Page("device:a")
        async with reading(page):
            page.may = False
            await until(lambda: page.said == ["gone"])
            assert [chunk async for chunk in page.stream] == []

    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    asyncio.run(scene())


def test_spacing_holds_back_a_flood_and_tells_its_end(server: Killable) -> None:
    async def scene() -> None:
        page = Page("device:a", spacing=0.3)
        async with reading(page):
            await subscribed(server)
            begun = time.monotonic()
            for n in range(100):
                page.version = f"flood {n}"
                await announce("device:a")
                await asyncio.sleep(0.01)
            await until(lambda: page.said[-1:] == ["flood 99"])
            assert page.checks <= 3 + (time.monotonic() - begun) / 0.3

    server.start()
    asyncio.run(scene())


def test_many_leave_nothing_behind(server: Killable) -> None:
    async def scene() -> None:
        pages = [Page("device:a") for _ in range(500)]
        async with reading(*pages):
            await subscribed(server)
            for page in pages:
                page.version = "2"
            await announce("device:a")
            await until(lambda: all(page.said == ["2"] for page in pages))
            async with redis.asyncio.Redis.from_url(server.url) as client:
                assert (await client.pubsub_numsub(live.CHANNEL))[0][1] == 1
        assert not live.get_hub()._waiters

    server.start()
    asyncio.run(scene())


def test_announcing_without_redis_neither_raises_nor_waits(server: Killable) -> None:
    begun = time.monotonic()
    live.announce(["device:a"])
    assert time.monotonic() - begun < 1


def test_announcing_survives_a_restart_of_redis(server: Killable) -> None:
    server.start()
    live.announce(["device:a"])
    server.kill()
    server.start()
    listener = redis.Redis.from_url(server.url).pubsub()  # type: ignore[no-untyped-call]
    listener.subscribe(live.CHANNEL)
    assert listener.get_message(timeout=SOON)
    live.announce(["device:b", "device:a", "device:b"])
    assert (listener.get_message(timeout=SOON) or {}).get("data") == b"device:a device:b"


def test_a_loop_that_ends_is_not_held_up_whenever_it_ends(server: Killable) -> None:
    """Redis's client can swallow a cancellation while it connects: then a process that should stop never does."""

    async def scene(delay: float) -> None:
        with live.get_hub().waiter("device:a"):
            await asyncio.sleep(delay)
        listening = live.get_hub()._listening
        assert listening is not None
        listening.cancel()
        done, _ = await asyncio.wait([listening], timeout=SOON)
        assert done, delay

    server.start()
    for n in range(300):
        asyncio.run(scene(n * 0.00002))


def test_those_whose_turn_to_ask_is_late_are_told_that_the_site_is_there(
    server: Killable, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.stream_loop.SLOW", 0.2)
    monkeypatch.setattr("devices.stream_loop.AT_ONCE", 1)
    settings.STREAM_HEARTBEAT_SECONDS = 0.6  # no question takes as long, and three do

    def look_all(checks: Sequence[object], crowds: Sequence[int]) -> list[Seen]:
        time.sleep(0.4)
        return [Seen("1") for _ in checks]

    async def scene() -> None:
        topic = Topic("device:a", lambda: Seen("1"), together=look_all)
        streams = [Stream(topic, "1").read() for _ in range(4)]
        async with asyncio.timeout(SOON):
            began = time.monotonic()
            first = await asyncio.gather(*(anext(stream) for stream in streams))
            taken = time.monotonic() - began
        for stream in streams:
            await cast("Any", stream).aclose()
        assert [b'"hears": true' in said for said in first] == [True, False, False, False]
        assert taken < 1.2  # the last has its answer after 1.6

    server.start()
    asyncio.run(scene())


@pytest.mark.parametrize(("eager", "looks", "every"), [(True, 1, 0.4), (False, 2, 0.8)])
def test_a_page_that_somebody_waits_at_is_told_at_each_look_and_others_at_every_second(
    server: Killable, settings: Settings, monkeypatch: pytest.MonkeyPatch, eager: bool, looks: int, every: float
) -> None:
    monkeypatch.setattr("devices.streams.LATE", 0.5)  # on a busy machine looks come late
    settings.STREAM_HEARTBEAT_SECONDS = 0.4
    looked: list[float] = []

    def check() -> Seen:
        looked.append(time.monotonic())
        return Seen("1")

    async def scene() -> None:
        stream = Stream(Topic("device:a", check), "1", eager=eager).read()
        async with asyncio.timeout(SOON):
            seen = [(await anext(stream), len(looked)) for _ in range(4)]
        await cast("Any", stream).aclose()
        assert {chunk for chunk, _ in seen} == {encode_heartbeat(every, hears=True)}
        between = [after - before for (_, before), (_, after) in pairwise(seen)]
        assert sorted(between)[1] == looks  # but for a look that came late

    asyncio.run(scene())


def test_that_the_site_hears_no_devices_is_told_at_once(
    server: Killable, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    hears = [True, True, False, False, True, *[True] * 100]
    monkeypatch.setattr("devices.stream_loop.hears_devices", lambda *, looked: hears.pop(0))

    async def scene() -> None:
        stream = Stream(Topic("device:a", lambda: Seen("1")), "1").read()
        async with asyncio.timeout(SOON):
            said = [await anext(stream) for _ in range(3)]
        await cast("Any", stream).aclose()
        assert [b'"hears": true' in chunk for chunk in said] == [True, False, True]

    asyncio.run(scene())


def test_a_reader_that_breaks_takes_none_of_the_others_with_it(server: Killable, settings: Settings) -> None:
    def look_all(checks: Sequence[object], crowds: Sequence[int]) -> list[Seen]:
        return [Seen("2") for _ in checks]

    async def scene() -> None:
        topic = Topic("device:a", lambda: Seen("2"), together=look_all)
        broken, whole = Stream(topic, "1"), Stream(topic, "1")
        broken_said, said = broken.read(), whole.read()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Stream, "tell", lambda stream, *given: 1 // 0 if stream is broken else tell(stream, *given))
            async with asyncio.timeout(SOON):
                first = await asyncio.gather(anext(broken_said, b"broken"), anext(said))
        assert first[0] == b"broken"
        assert first[1].startswith(b"event: changed")
        await cast("Any", said).aclose()

    tell = Stream.tell
    server.start()
    asyncio.run(scene())
