"""What one person or organisation may have going on at once: live streams and downloads; others are not held up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connection
from django.templatetags.static import static
from django.test import AsyncClient, Client
from django.urls import reverse

from config.asgi import application
from config.static import StaticFiles
from devices import streams
from devices.models import Delivery
from lib import live, streaming
from lib.places import Place
from lib.turns import Turns
from tenants import downloads
from tenants.models import Role
from tests import builders
from tests.access.imports import importing
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_django.fixtures import Settings

    from tenants.models import User
    from tests.conftest import World


@pytest.fixture(autouse=True)
def _few(settings: Settings) -> None:
    settings.STREAMS_PERSON, settings.STREAMS_ORGANISATION, settings.STREAMS_PROCESS = 2, 3, 4
    settings.STREAM_HEARTBEAT_SECONDS = 1.0
    settings.DOWNLOADS_PERSON, settings.DOWNLOADS_ORGANISATION = 1, 2


async def opened(world: World, *users: User) -> list[AsyncIterator[bytes]]:
    """A stream of the placed device for each, read until it waits."""
    found = []
    for user in users:
        client = AsyncClient()
        await client.aforce_login(user)
        answer: Any = await client.get(reverse("telemetry:stream", kwargs={"serial": world.placed.serial}))
        assert answer.status_code == 200
        found.append(aiter(answer.streaming_content))
        while b"event: alive" not in await anext(found[-1]):
            pass
    return found


def report(world: World) -> None:
    save(timed(world.placed, now(), rpm=7))
    live.announce([f"device:{world.placed.device_id}"])
    connection.close()  # this thread's


async def said(stream: AsyncIterator[bytes]) -> str:
    """Its next event."""
    return (await anext(stream)).decode()


@pytest.mark.django_db(transaction=True)
def test_the_oldest_stream_of_a_person_goes_with_a_word(world: World) -> None:
    async def scene() -> list[str]:
        first, *others = await opened(world, world.viewer, world.viewer, world.viewer)
        return [await said(first), *[await said(stream) for stream in others]]

    first, *others = asyncio.run(scene())
    assert first == "event: closed\ndata: person\n\n"
    assert [event.split("\n")[0] for event in others] == ["event: alive"] * 2


@pytest.mark.django_db(transaction=True)
def test_the_oldest_stream_of_an_organisation_goes(world: World) -> None:
    async def scene() -> str:
        first, *_ = await opened(world, world.viewer, world.admin, world.owner, world.technician)
        return await said(first)

    assert asyncio.run(scene()) == "event: closed\ndata: organisation\n\n"


@pytest.mark.django_db(transaction=True)
def test_the_oldest_stream_of_a_process_goes(world: World, settings: Settings) -> None:
    settings.STREAMS_PROCESS = 2

    async def scene() -> str:
        first, *_ = await opened(world, world.viewer, world.admin, world.owner)
        return await said(first)

    assert asyncio.run(scene()) == "event: closed\ndata: process\n\n"


@pytest.mark.django_db(transaction=True)
def test_streams_and_static_files_wait_for_nobody_elses_threads(world: World) -> None:
    """Those of the event loop, which anything may take, are all taken."""
    path, sent = static("vendor/htmx/htmx.min.js"), list[dict[str, Any]]()
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": []}

    async def receive() -> None: ...

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def scene() -> str:
        loop, free = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        held = loop.run_in_executor(None, free.wait, 20)
        try:
            async with asyncio.timeout(10):
                (stream,) = await opened(world, world.viewer)
                await sync_to_async(report)(world)
                await StaticFiles()(scope, receive, send)
                while "event: changed" not in (told := await said(stream)):
                    pass
                return told
        finally:
            free.set()
            await held

    assert "event: changed" in asyncio.run(scene())
    assert (sent[0]["status"], len(sent[1]["body"]) > 10_000) == (200, True)


@pytest.mark.django_db
def test_few_parts_of_downloads_are_made_at_once() -> None:
    """However many go on: making one keeps the processor from pages."""
    making, most = Counter[str](), []

    def make() -> None:
        making.update(["now"])
        most.append(making["now"])
        time.sleep(0.02)
        making.subtract(["now"])

    async def one() -> None:
        async with ThreadSensitiveContext():
            await streaming.run_step(make)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(8)))

    asyncio.run(all_of_them())
    assert max(most) == streaming.STEPS


@pytest.mark.django_db(transaction=True)
def test_a_large_answer_keeps_no_thread_while_it_is_read(world: World, client: Client) -> None:
    """One that is made whole, and sent in parts."""
    client.force_login(world.owner)
    cookie = "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())
    headers = [(b"host", b"testserver"), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "GET", "path": "/api/v1/openapi.json", "query_string": b"", "headers": headers}
    asked, threads = [{"type": "http.request", "body": b""}], list[int]()

    async def receive() -> dict[str, Any]:
        while not asked:
            await asyncio.sleep(1)
        return asked.pop()

    async def send(message: dict[str, Any]) -> None:
        if message.get("more_body"):
            threads.append(len(SyncToAsync.context_to_thread_executor))

    asyncio.run(application(scope, receive, send))
    assert set(threads) == {0}


def test_a_stream_that_is_closed_holds_no_place(world: World, client: Client) -> None:
    client.force_login(world.viewer)
    answer = client.get(reverse("telemetry:stream", kwargs={"serial": world.placed.serial}))
    assert streams.open_streams.count("person", world.viewer.pk) == 1
    answer.close()
    assert streams.open_streams.count("person", world.viewer.pk) == 0


def test_a_stream_that_finds_no_place_is_told_when_to_come_again(
    world: World, client: Client, settings: Settings
) -> None:
    settings.STREAMS_PERSON = 0
    client.force_login(world.viewer)
    answer = client.get(reverse("telemetry:stream", kwargs={"serial": world.placed.serial}))
    assert (answer.status_code, answer["Retry-After"]) == (429, "10")


def test_a_download_too_many_is_refused_in_words_and_takes_nothing(world: World, client: Client) -> None:
    client.force_login(world.owner)
    kwargs = importing(world)
    place = downloads.take_place(world.owner)
    assert isinstance(place, Place)
    answer = client.post(reverse("devices:import-result", kwargs=kwargs))
    assert (answer.status_code, answer["Retry-After"]) == (429, "10")
    assert b"what can be taken once was not taken" in answer.content
    assert Delivery.objects.get().taken_at is None

    place.end()
    answer = client.post(reverse("devices:import-result", kwargs=kwargs))
    assert answer.status_code == 200
    assert downloads.going.count("person", world.owner.pk) == 1
    answer.close()
    assert downloads.going.count("person", world.owner.pk) == 0


def test_what_is_no_file_after_all_keeps_no_place(world: World, client: Client) -> None:
    client.force_login(world.viewer)
    for _ in range(3):
        url = reverse("telemetry:export", kwargs={"serial": world.placed.serial})
        assert client.get(url, {"range": "none"}).status_code == 400
    assert downloads.going.count("person", world.viewer.pk) == 0


def test_programs_are_refused_too(world: World, client: Client) -> None:
    client.force_login(world.owner)
    place = downloads.take_place(world.owner)
    answer = client.get(reverse("devices:api-import-report", kwargs=importing(world)))
    assert (answer.status_code, answer["Retry-After"]) == (429, "10")
    assert answer.json()["code"] == "too-many-downloads"
    assert "downloads of this person go on" in answer.json()["detail"]
    assert isinstance(place, Place)
    place.end()


def test_an_organisation_has_its_own_bound(world: World, client: Client) -> None:
    places = [downloads.take_place(user) for user in (world.owner, world.admin)]
    for user, device, status in ((world.viewer, world.placed, 429), (world.stranger, world.alien, 200)):
        client.force_login(user)
        answer = client.get(reverse("telemetry:export", kwargs={"serial": device.serial}))
        assert answer.status_code == status
    for place in places:
        assert isinstance(place, Place)
        place.end()
    assert downloads.going.count("organisation", world.kanarra.pk) == 0


def test_a_tenant_takes_up_no_other_tenants_downloads(world: World) -> None:
    """Of one organisation: who has none going on gets one."""
    places = [downloads.take_place(user) for user in (world.viewer, world.admin, world.technician, world.sibling)]
    assert [isinstance(place, Place) for place in places] == [True, True, False, True]
    second = builders.make_user("viewer@tekton.example", world.tekton, Role.VIEWER)
    assert not isinstance(downloads.take_place(second), Place)


def test_a_tenant_closes_no_other_tenants_stream(world: World) -> None:
    """The oldest goes of those who have most open, not the oldest of all."""
    closed: list[User] = []

    def note(user: User) -> Callable[[str], None]:
        return lambda _: closed.append(user)

    for user in (world.sibling, world.viewer, world.admin, world.technician, world.owner, world.viewer):
        streams.open_streams.take(*streams._list_bounds(user), left=note(user))
    assert closed == [world.viewer, world.admin, world.technician]


def test_who_asks_seldom_is_not_behind_who_asks_often() -> None:
    async def scene() -> list[str]:
        turns, order = Turns(1, waiting=3), []

        async def ask(who: str) -> None:
            end = await turns.take(who)
            if end is None:
                order.append(f"{who} refused")
                return
            await asyncio.sleep(0.001)
            order.append(who)
            end()

        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(ask("often"))
            group.create_task(ask("seldom"))
        assert await turns.take("anybody")  # nobody kept a turn
        return order

    assert asyncio.run(scene()) == ["often refused"] * 2 + ["often", "often", "seldom", "often", "often"]


def test_one_who_leaves_while_a_newer_one_comes_spoils_nothing() -> None:
    async def scene() -> bool:
        turns = Turns(1, waiting=1)
        end = await turns.take("other")
        leaving = asyncio.create_task(turns.take("one"))
        await asyncio.sleep(0)
        newer = asyncio.create_task(turns.take("one"))  # comes first, and takes the place of the one that is leaving
        leaving.cancel()
        await asyncio.sleep(0)
        assert end is not None
        end()
        return await newer is not None

    assert asyncio.run(scene())
