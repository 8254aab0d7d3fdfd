"""A door's log goes on by itself: what devices do there, and what becomes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone

from devices.identity import serials
from devices.models import ConnectedStretch, Device
from devices.mqtt import text_values
from provisioning.doors import refused_attempts
from provisioning.doors.activate import data
from provisioning.doors.door_log import read_log
from provisioning.doors.log_views import check_log
from tests import builders
from tests.provisioning.doors.test_activate import activate, make_door, read_token, send
from tests.provisioning.doors.test_data import write
from tests.provisioning.doors.test_doors import browser, url
from tests.signing_in import make_look

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from provisioning.models import Door
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def door(world: World) -> Door:
    text_values._declared.clear()
    data.debts._until.clear()
    return make_door(world.version)


def tell(door: Door) -> list[tuple[str, str]]:
    return [(each.kind, each.device.serial if each.device else each.claimed) for each in read_log(door)]


def test_it_tells_who_came_wrote_connected_left_and_was_refused(world: World, door: Door) -> None:
    serial, stranger = world.waiting.serial, serials.generate()
    assert tell(door) == []
    token = read_token(activate(world.waiting))
    write(token, "rpm=654321.5")
    began = timezone.now() + timedelta(seconds=1)
    stretch = ConnectedStretch.objects.create(device=world.waiting, number=1, started_at=began, connected_at=began)
    assert tell(door) == [("connect", serial), ("write", serial), ("provision", serial)]
    ended = began + timedelta(seconds=1)
    ConnectedStretch.objects.filter(pk=stretch.pk).update(ended_at=ended, reason="keep-alive")
    assert read_log(door)[0].detail == "Nothing came within its keep-alive"
    for _ in range(2):
        send(f"id={stranger}")
    refused_attempts.refused_attempts.count()
    assert set(tell(door)) == {(kind, serial) for kind in ("provision", "write", "connect", "disconnect")} | {
        ("refused", stranger)
    }
    page = browser(world.owner).get(url("door-log", door)).content.decode()
    assert "Nothing came within its keep-alive" in page
    assert "2 times in all" in page
    assert "654321" not in page  # what a device said is its group's
    assert page.count("<tr>") == 6
    whole = browser(world.owner).get(door.get_absolute_url()).content.decode()
    assert f'data-live="{url("door-log-stream", door)}"' in whole


def test_another_door_is_told_nothing_of_it(world: World, door: Door) -> None:
    read_token(activate(world.waiting))
    other = make_door(builders.make_recipe(world.kanarra, "Pump"), name="Line 2")
    assert tell(other) == []
    assert check_log(make_look(world.owner), other.key) is not None
    for user in (world.technician, world.admin):
        assert check_log(make_look(user), other.key) is None
        assert Client().get(url("door-log", other)).status_code == 302
        assert browser(user).get(url("door-log", other)).status_code == 404


def test_the_page_is_told_by_itself(world: World, door: Door) -> None:
    def act() -> None:
        try:
            read_token(activate(world.waiting))
        finally:
            connection.close()

    async def watch() -> str:
        client = AsyncClient()
        await client.aforce_login(world.owner)
        page = (await client.get(url("door-log", door))).content.decode()
        version = page.partition('data-version="')[2].partition('"')[0]
        answer = await client.get(url("door-log-stream", door), {"v": version})
        assert isinstance(answer, StreamingHttpResponse)
        acting = asyncio.create_task(sync_to_async(act, thread_sensitive=False)())
        async with asyncio.timeout(10):
            async for chunk in answer.streaming_content:
                if chunk.startswith(b"event: changed") and version.encode() not in chunk:
                    await acting
                    return str(chunk.decode().partition("data: ")[2].strip())
        return ""

    version = asyncio.run(watch())
    assert f'data-version="{version}"' in browser(world.owner).get(url("door-log", door)).content.decode()
    assert Device.objects.get(pk=world.waiting.pk).activated_at


@pytest.mark.postgres
def test_it_costs_as_much_for_many_as_for_one(
    world: World, door: Door, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        read_token(activate(builders.make_device(world.version)))
    with django_assert_max_num_queries(4):
        read_log(door)
