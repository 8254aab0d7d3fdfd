"""That an import got further, and nothing of what is in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from devices import imports
from devices.jobs import progress
from tenants.models import User
from tests.devices.imports.conftest import work
from tests.devices.imports.pages import address

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from devices.models import Import
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)
GONE = "event: gone\ndata: gone\n\n"


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    monkeypatch.setattr(progress, "SPACING", 0.0)


def apart(change: Callable[[], object]) -> None:
    """In a thread that leaves no session behind."""
    try:
        change()
    finally:
        connections.close_all()


def follow(world: World, importing: Import, *changes: Callable[[], object], last: str = "") -> list[str]:
    """What the stream says while one change after another happens; ends with the stream."""
    left = list(changes)

    async def watch() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(world.owner)
        answer = await client.get(address(importing, "import-stream"), {"v": last})
        assert isinstance(answer, StreamingHttpResponse)
        said = []
        async with asyncio.timeout(10):
            async for chunk in answer.streaming_content:
                if not chunk.startswith(b"event: alive"):
                    said.append(chunk.decode())
                elif left:
                    await sync_to_async(apart, thread_sensitive=False)(left.pop(0))
        return said

    return asyncio.run(watch())


def test_tells_each_step_and_ends_with_the_import(world: World, check: Run) -> None:
    importing = check("Serial,Name\nAB-01,Canary\n")
    imports.start(importing=importing, by=world.owner)
    said = follow(world, importing, lambda: work(importing))
    assert said[0].startswith("event: changed\nid: waiting-0")
    assert "id: done" in said[-2]
    assert said[-1] == GONE
    assert "Canary" not in "".join(said)


def test_a_page_that_shows_the_latest_is_left_alone(world: World, check: Run) -> None:
    importing = check("Serial\nAB-01\n")
    assert follow(world, importing, last="checked") == [GONE]


def lose_role(world: World) -> None:
    world.owner.memberships.all().delete()


def lose_account(world: World) -> None:
    User.objects.filter(pk=world.owner.pk).update(is_active=False)


def lose_sign_in(world: World) -> None:
    Session.objects.all().delete()


@pytest.mark.parametrize("lose", [lose_role, lose_account, lose_sign_in])
def test_losing_the_right_ends_it(world: World, check: Run, lose: Callable[[World], None]) -> None:
    importing = check("Serial\nAB-01\n")
    imports.start(importing=importing, by=world.owner)
    assert follow(world, importing, lambda: lose(world))[-1] == GONE
