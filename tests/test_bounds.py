"""What one person or organisation may have going on at once: live streams and downloads; others are not held up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from django.test import AsyncClient, Client
from django.urls import reverse

from devices import streams
from devices.models import Delivery
from lib.places import Bound, Place, Places
from lib.turns import Turns
from tenants import downloads
from tests.access.imports import importing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

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


def test_a_stream_that_is_closed_holds_no_place(world: World, client: Client) -> None:
    client.force_login(world.viewer)
    answer = client.get(reverse("telemetry:stream", kwargs={"serial": world.placed.serial}))
    assert streams.open_streams.count("person", world.viewer.pk) == 1
    answer.close()
    assert streams.open_streams.count("person", world.viewer.pk) == 0


def test_a_download_too_many_is_refused_in_words_and_takes_nothing(world: World, client: Client) -> None:
    client.force_login(world.owner)
    kwargs = importing(world)
    place = downloads.take(world.owner)
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
    place = downloads.take(world.owner)
    answer = client.get(reverse("devices:api-import-report", kwargs=importing(world)))
    assert (answer.status_code, answer["Retry-After"]) == (429, "10")
    assert answer.json()["type"].endswith("#problem-throttled")
    assert isinstance(place, Place)
    place.end()


def test_an_organisation_has_its_own_bound() -> None:
    places = Places()
    taken = [places.take(Bound("person", n, 1), Bound("organisation", "one", 2)) for n in range(3)]
    assert [type(each) for each in taken] == [Place, Place, Bound]
    assert places.count("organisation", "one") == 2
    assert isinstance(places.take(Bound("person", 3, 1), Bound("organisation", "other", 2)), Place)


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
