"""The window's stream: progress only, gated again at every heartbeat; here with Redis away, so that rows alone tell."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.urls import reverse

from provisioning.windows import operations as windows
from tenants.people import operations as people
from tests.provisioning.conftest import end_in, pressed_window, report_press

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_django.fixtures import Settings

    from provisioning.models import Window
    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick_heartbeat_without_redis(settings: Settings) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def follow(user: User, window: Window, *changes: Callable[[], object], last: str = "waiting-never") -> list[str]:
    """The stream's events while one change after another happens; ends when the stream does."""

    async def watch() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(user)
        url = reverse("provisioning:stream", kwargs={"key": window.key})
        answer = await client.get(url, {"v": last})
        assert isinstance(answer, StreamingHttpResponse)
        assert answer["Content-Type"] == "text/event-stream"
        async with asyncio.timeout(10):
            return await _collect(answer, list(changes))

    return asyncio.run(watch())


async def _collect(answer: StreamingHttpResponse, changes: list[Callable[[], object]]) -> list[str]:
    said = []
    async for chunk in _texts(answer):
        if not chunk.startswith("event: alive"):
            said.append(chunk)
        elif changes:
            await sync_to_async(changes.pop(0), thread_sensitive=False)()
        else:
            break
    return said


async def _texts(answer: StreamingHttpResponse) -> AsyncIterator[str]:
    async for chunk in answer.streaming_content:  # type: ignore[union-attr]
        yield chunk.decode()


def changed(version: str) -> str:
    return f"event: changed\nid: {version}\ndata: {version}\n\n"


GONE = "event: gone\ndata: gone\n\n"


def test_a_press_arrives_even_when_it_was_never_announced(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert follow(world.technician, window, lambda: report_press(world.waiting)) == [changed("pressed")]


def test_a_client_that_was_away_is_told_at_once(world: World) -> None:
    window = pressed_window(world)
    assert follow(world.technician, window, last="waiting-never") == [changed("pressed")]
    assert follow(world.technician, window, last="pressed") == []


def test_the_end_is_told_and_ends_the_stream(world: World) -> None:
    window = pressed_window(world)
    said = follow(world.technician, window, lambda: end_in(window, milliseconds=-1), last="pressed")
    assert said == [changed("expired"), GONE]


@pytest.mark.parametrize("take_away", ["role", "membership", "user", "epoch", "session"])
def test_losing_the_right_ends_the_stream(world: World, take_away: str) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)

    def act() -> None:
        if take_away == "role":
            world.technician.memberships.update(role=10)
        elif take_away == "membership":
            world.technician.memberships.all().delete()
        elif take_away == "epoch":
            people.end_sessions(user=world.technician, by=world.technician)
        elif take_away == "session":
            Session.objects.all().delete()
        else:
            type(world.technician).objects.filter(pk=world.technician.pk).update(is_active=False)

    assert follow(world.technician, window, act) == [GONE]
