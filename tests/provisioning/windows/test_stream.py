"""The window's stream: progress only, gated again at every heartbeat; here with Redis away, so that rows alone tell."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from devices.models import Connection, Device
from provisioning.windows import operations as windows
from provisioning.windows import page
from tenants.models import User
from tenants.people import operations as people
from tests.provisioning.conftest import end_in, form_data, pressed_window, report_press

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_django.fixtures import Settings

    from provisioning.models import Window
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick_heartbeat_without_redis(settings: Settings) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


SECRET = "s" * 32  # of the cookie


def follow(
    user: User, window: Window, *changes: Callable[[], object], last: str = "waiting-never", secret: str = ""
) -> list[str]:
    """The stream's events while one change after another happens; ends when the stream does. Without the CSRF cookie's
    secret it carries no fragment."""

    async def watch() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(user)
        if secret:
            client.cookies[settings.CSRF_COOKIE_NAME] = secret
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


def read_shown(event: str) -> tuple[str, str]:
    """Return the version and the fragment that the event carries."""
    shown = re.fullmatch(r"event: shown\nid: (\S+)\ndata: (.*)\n\n", event)
    assert shown, event
    return shown[1], json.loads(shown[2])


def hide_differing(html: str) -> str:
    """Return the fragment without its tokens, each masked in its own way, and the seconds that are left."""
    html = re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1", html)
    return re.sub(r'(data-seconds="|value=")\d+|\d:\d\d', r"\1", html)


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


CHANGES: dict[str, Callable[[World, Window], object]] = {
    "pressed": lambda world, _: report_press(world.waiting),
    "expired": lambda world, window: end_in(window, milliseconds=-1),
    "cancelled": lambda world, window: windows.cancel_window(window=window, by=world.technician),
    "superseded": lambda world, window: windows.open_window(device=world.waiting, by=world.technician),
    "waiting-online": lambda world, window: Connection.objects.create(
        device=world.waiting, last_seen_at=timezone.now()
    ),
    "waiting-locked": lambda world, window: Device.objects.filter(pk=world.waiting.pk).update(locked_at=Now()),
}


@pytest.mark.parametrize("version", CHANGES)
def test_what_changed_comes_with_what_the_page_would_fetch(world: World, version: str) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    event, *further = follow(world.technician, window, lambda: CHANGES[version](world, window), secret=SECRET)
    assert further == ([GONE] if version in {"expired", "cancelled", "superseded"} else [])
    told, html = read_shown(event)
    assert told == version
    client = Client()
    client.force_login(world.technician)
    client.cookies[settings.CSRF_COOKIE_NAME] = SECRET
    fetched = client.get(reverse("provisioning:window", kwargs={"key": window.key}), headers={"HX-Request": "true"})
    assert f'data-version="{version}"' in html
    assert hide_differing(html) == hide_differing(fetched.content.decode())


def test_the_form_that_comes_with_the_press_can_be_sent(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    (event,) = follow(world.technician, window, lambda: report_press(world.waiting), secret=SECRET)
    _, html = read_shown(event)
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.technician)
    client.cookies[settings.CSRF_COOKIE_NAME] = SECRET
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', html)[-1]
    typed = form_data(world, name="Generator 1")
    address = reverse("provisioning:place", kwargs={"key": window.key})
    assert client.post(address, {**typed, "csrfmiddlewaretoken": "x" * len(token)}).status_code == 403
    assert client.post(address, {**typed, "csrfmiddlewaretoken": token}).status_code == 302
    world.waiting.refresh_from_db()
    assert (world.waiting.name, world.waiting.group_id) == ("Generator 1", world.anaheim.pk)


def test_each_version_is_shown_once(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    changes = [lambda: report_press(world.waiting), lambda: None, lambda: end_in(window, milliseconds=-1)]
    pressed, expired, gone = follow(world.technician, window, *changes, secret=SECRET)
    assert [read_shown(pressed)[0], read_shown(expired)[0], gone] == ["pressed", "expired", GONE]


def test_a_large_fragment_is_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    monkeypatch.setattr(page, "MOST", 1000)
    said = follow(world.technician, window, lambda: report_press(world.waiting), secret=SECRET)
    assert said == [changed("pressed")]


@pytest.mark.parametrize("take_away", ["role", "user"])
def test_nobody_is_shown_a_form_that_is_not_theirs_any_more(world: World, take_away: str) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)

    def act() -> None:
        if take_away == "role":
            world.technician.memberships.update(role=10)
        else:
            User.objects.filter(pk=world.technician.pk).update(is_active=False)
        report_press(world.waiting)

    assert follow(world.technician, window, act, secret=SECRET) == [GONE]
