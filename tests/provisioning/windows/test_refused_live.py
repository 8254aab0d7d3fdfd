"""What is refused of a device shows in its open window at once: by the broker, by doors, of its answers."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse

from devices.broker import refused_connects
from devices.connections.refused_attempts import Counted, record_attempts
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import Device, RefusedAttempt
from devices.refusals import CONNECT_WRONG_SECRET
from lib.refusals import Refusal
from provisioning.doors import refusals as door_refusals
from provisioning.doors import refused_attempts
from provisioning.windows import operations as windows
from tests.devices.api import Program
from tests.provisioning.conftest import ask_for
from tests.provisioning.doors.test_activate import make_door
from tests.provisioning.presence.test_challenge import report_answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from provisioning.models import Window
    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)


def connect(world: World, **change: str) -> None:
    """Connect over MQTT, as the broker's question tells of it."""
    issued = credentials.issue_credential(device=world.waiting, by=None)
    sent = {"username": issued.access_key, "password": issued.access_secret, "client_id": world.waiting.device_id}
    refused_connects.note_refusal(**(sent | change))
    refused_connects.refused_connects.count()


def connect_revoked(world: World) -> None:
    issued = credentials.issue_credential(device=world.waiting, by=None)
    credentials.revoke_all_credentials([world.waiting], by=world.owner)
    refused_connects.note_refusal(issued.access_key, issued.access_secret, world.waiting.device_id)
    refused_connects.refused_connects.count()


def connect_locked(world: World) -> None:
    locks.lock_devices([world.waiting], by=world.owner)
    connect(world)


def knock(world: World, kind: Any) -> None:
    """Come to a door of the organisation."""
    door = make_door(world.version)
    refused_attempts.note_refusal(Refusal(kind), door=door, identity=world.waiting.serial, device=world.waiting)
    refused_attempts.refused_attempts.count()


SOURCES: dict[str, tuple[Callable[[World], object], str]] = {
    "wrong secret": (lambda world: connect(world, password="x" * 43), "connect-wrong-secret"),
    "wrong client id": (lambda world: connect(world, client_id="x"), "connect-wrong-client-id"),
    "unknown key": (lambda world: connect(world, username="0" * 32), "connect-unknown-access-key"),
    "revoked": (connect_revoked, "connect-revoked-credential"),
    "locked": (connect_locked, "connect-locked"),
    "address": (lambda world: knock(world, door_refusals.DOOR_ADDRESS), door_refusals.DOOR_ADDRESS.code),
    "token": (lambda world: knock(world, door_refusals.DOOR_KEY_ENDED), door_refusals.DOOR_KEY_ENDED.code),
    "answer": (lambda world: report_answers(world.waiting, ["AAAA"]), "answer-unasked"),
}


def follow(user: User, window: Window, change: Callable[[], object]) -> str:
    """The version that the stream tells first after the change; heartbeats are too far apart to find it."""

    def apply() -> None:
        try:
            change()
        finally:
            connection.close()  # this thread's

    async def watch() -> str:
        client = AsyncClient()
        await client.aforce_login(user)
        page = await client.get(
            reverse("provisioning:window", kwargs={"key": window.key}), headers={"HX-Request": "true"}
        )
        version = page.content.decode().partition('data-version="')[2].partition('"')[0]
        answer = await client.get(reverse("provisioning:stream", kwargs={"key": window.key}), {"v": version})
        assert isinstance(answer, StreamingHttpResponse)

        async def act() -> None:
            await asyncio.sleep(0.7)  # the process has its subscription, and the stream waits
            await sync_to_async(apply, thread_sensitive=False)()

        acting = asyncio.create_task(act())
        async with asyncio.timeout(10):
            async for chunk in answer.streaming_content:
                if chunk.startswith(b"event: shown"):
                    await acting
                    return str(chunk.decode().partition("id: ")[2].partition("\n")[0])
        return ""

    return asyncio.run(watch())


@pytest.mark.parametrize(
    ("method", "source"),
    # A signed answer is what the challenge asks for.
    sorted(set(product(("press", "claim-code", "challenge"), SOURCES)) - {("challenge", "answer")}),
)
def test_the_open_window_is_told_at_once(world: World, settings: Settings, source: str, method: str) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 60
    ask_for(world, method)
    window = windows.open_window(device=world.waiting, by=world.technician)
    act, reason = SOURCES[source]
    version = follow(world.technician, window, lambda: act(world))
    row = RefusedAttempt.objects.get(device=world.waiting)
    assert row.reason == reason
    client = Client()
    client.force_login(world.technician)
    page = client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
    assert f'data-version="{version}"' in page
    for words in (row.message, row.next_step):
        assert words.replace("'", "&#x27;").replace('"', "&quot;") in page
    (told,) = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert (told["reason"], told["count"]) == (reason, 1)


def test_it_stays_when_the_device_got_in_and_says_how_often(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    record_attempts([Counted(world.waiting.pk, None, "mqtt", CONNECT_WRONG_SECRET, {"hint": ""}, 3)])
    client = Client()
    client.force_login(world.technician)
    address = reverse("provisioning:window", kwargs={"key": window.key})
    page = client.get(address).content.decode()
    assert "It tries to connect, and is refused" in page
    assert "3 times since" in page
    report_answers(world.waiting, ["AAAA"])  # it is heard
    page = client.get(address).content.decode()
    assert "Refused of it in this window" in page
    assert "It connects with a wrong secret." in page
    assert "no window waited for it" in page


def test_nobody_else_is_told(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    record_attempts([Counted(world.waiting.pk, None, "mqtt", CONNECT_WRONG_SECRET, {"hint": ""}, 3)])
    for other in (world.sibling, world.viewer, world.stranger, world.admin):
        client = Client()
        client.force_login(other)
        for name in ("window", "stream", "api-window"):
            assert client.get(reverse(f"provisioning:{name}", kwargs={"key": window.key})).status_code == 404


def test_of_another_tenants_device_programs_are_told_no_count(world: World) -> None:
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    window = windows.open_window(device=world.foreign, by=world.technician)
    assignment = Device.objects.get(pk=world.foreign.pk).assignment_id
    record_attempts([Counted(world.foreign.pk, assignment, "mqtt", CONNECT_WRONG_SECRET, {"hint": ""}, 70)])
    (told,) = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert (told["reason"], told["count"], told["first_at"]) == ("connect-wrong-secret", None, None)
