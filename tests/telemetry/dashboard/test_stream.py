"""The dashboard's stream: names of versions only, gated again at every heartbeat."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from allauth.account.adapter import get_adapter
from asgiref.sync import sync_to_async
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import reverse

from devices.connections import limited, presence
from devices.lifecycle import assignments
from devices.models import Attention, Connection, Device, RefusedAttempt
from lib import live
from telemetry.dashboard.stream_check import SHARED_FROM, look_all
from tenants.groups import operations as groups
from tenants.models import Membership, Organisation, Role, User
from tenants.people import operations as people
from tests.telemetry.reports import now, save, timed
from tests.telemetry.watching import make_watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pytest_django import DjangoAssertNumQueries, Settings

    from devices.streams import Seen
    from telemetry.dashboard.stream_check import Watch
    from tests.conftest import World

pytestmark = pytest.mark.django_db(transaction=True)

HEARTBEAT = configured.STREAM_HEARTBEAT_SECONDS
STILL = 3  # heartbeats: one may be written before a look at what happened ends, and one while that began


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 0.1
    monkeypatch.setattr("telemetry.dashboard.views.SPACING", 0.0)


def follow(
    world: World, *changes: Callable[[], object], user: User | None = None, last: str = "", still: int = STILL
) -> list[str]:
    """What the stream says while one change after another happens; ends with the stream, or when it is still."""

    async def watch() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(user or world.viewer)
        url = reverse("telemetry:stream", kwargs={"serial": world.placed.serial})
        answer = await client.get(url, {"v": last})
        assert isinstance(answer, StreamingHttpResponse)
        assert answer["Content-Type"] == "text/event-stream"
        assert "no-store" in answer["Cache-Control"]
        async with asyncio.timeout(20):
            return await _collect(answer, list(changes), still)

    return asyncio.run(watch())


async def _collect(answer: StreamingHttpResponse, changes: list[Callable[[], object]], still: int) -> list[str]:
    said, beats = [], 0
    async for chunk in _texts(answer):
        if not chunk.startswith("event: alive"):
            said.append(chunk)
            beats = 0
        elif (beats := beats + 1) == still:
            if not changes:
                break
            await sync_to_async(changes.pop(0), thread_sensitive=False)()
            beats = 0
    return said


async def _texts(answer: StreamingHttpResponse) -> AsyncIterator[str]:
    async for chunk in answer.streaming_content:  # type: ignore[union-attr]
        yield chunk.decode()


GONE = "event: gone\ndata: gone\n\n"


def test_tells_every_change_of_what_the_page_shows(world: World) -> None:
    said = follow(
        world,
        lambda: save(timed(world.placed, now(), rpm=1)),
        lambda: presence.record_seen({world.placed.pk: now()}),
        lambda: save(timed(world.placed, now(), load=2)),
        lambda: presence.record_left([world.placed.pk], now()),
    )
    assert len(said) == 5  # the first for a page that shows nothing yet
    assert len(set(said)) == 5
    assert all(chunk.startswith("event: changed\nid: ") for chunk in said)


def test_tells_that_a_device_is_shut_out_and_what_is_dropped_meanwhile(world: World) -> None:
    save(timed(world.placed, now(), rpm=1))
    device_id = world.placed.device_id
    presence.record_seen({world.placed.pk: now()})
    said = follow(
        world,
        lambda: limited.record_limits({device_id: (60.0, 10)}),
        lambda: limited.record_limits({device_id: (None, 5)}),
        lambda: Connection.objects.filter(device=world.placed).update(limited_until=now()),
        last=shown(world),
    )
    assert len(said) == len(set(said)) == 3
    limited.record_limits({device_id: (60.0, 10)})
    assert follow(world, last=shown(world)) == []


def shown(world: World) -> str:
    """The version that the page shows."""
    client = Client()
    client.force_login(world.viewer)
    html = client.get(reverse("telemetry:dashboard", kwargs={"serial": world.placed.serial})).content.decode()
    version = re.search(r'data-version="([^"]+)"', html)
    assert version
    return version[1]


def test_a_slow_database_does_not_make_it_fall_silent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.stream_loop.SLOW", 0.1)
    heard = threading.Event()

    def look_late(watches: Sequence[Watch], crowds: Sequence[int]) -> list[Seen | None]:
        heard.wait(3)
        return look_all(watches, crowds)

    monkeypatch.setattr("telemetry.dashboard.views.look_all", look_late)
    monkeypatch.setattr("devices.mqtt.hearing._look", lambda: True)

    async def scene() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(world.viewer)
        answer = await client.get(reverse("telemetry:stream", kwargs={"serial": world.placed.serial}))
        assert isinstance(answer, StreamingHttpResponse)
        said = []
        async for chunk in _texts(answer):
            heard.set()
            said.append(chunk)
            if chunk.startswith("event: changed"):
                return said
        return said

    first, *_ = asyncio.run(scene())
    assert first.startswith("event: alive")
    assert '"hears": false' in first  # nothing is stored meanwhile


def test_says_nothing_that_a_device_reported(world: World) -> None:
    said = follow(world, lambda: save(timed(world.placed, now(), engineState="Canary", rpm=4321)))
    assert len(said) == 2
    assert "Canary" not in "".join(said)
    assert "4321" not in "".join(said)


def test_a_page_that_shows_the_latest_is_left_alone(world: World) -> None:
    save(timed(world.placed, now(), rpm=1))
    assert follow(world, last=shown(world)) == []


def test_another_devices_reports_wake_nobody(world: World) -> None:
    assert len(follow(world, lambda: save(timed(world.foreign, now(), rpm=1)))) == 1


def lose_role(world: World) -> None:
    world.viewer.memberships.all().delete()


def lose_account(world: World) -> None:
    User.objects.filter(pk=world.viewer.pk).update(is_active=False)


def lack_second_factor(world: World) -> None:
    Organisation.objects.update(require_two_factor=True)


def lose_device(world: World) -> None:
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)


def lose_row(world: World) -> None:
    assignments.release(device=world.placed, by=world.owner)


def lose_membership(world: World) -> None:
    people.remove(membership=world.viewer.memberships.get(), by=world.admin)


def leave(world: World) -> None:
    people.expel(user=world.viewer, by=world.viewer)


def lose_phone(world: World) -> None:
    people.end_sessions(user=world.viewer, by=world.viewer)


def sign_out(world: World) -> None:
    Session.objects.all().delete()


def change_password(world: World) -> None:
    get_adapter().set_password(world.viewer, "another horse battery")


LOSSES = [
    lose_role,
    lose_account,
    lack_second_factor,
    lose_device,
    lose_row,
    lose_membership,
    leave,
    lose_phone,
    sign_out,
    change_password,
]


@pytest.mark.parametrize("lose", LOSSES)
def test_losing_the_right_ends_it(world: World, lose: Callable[[World], None]) -> None:
    assert follow(world, lambda: lose(world))[-1] == GONE


@pytest.mark.parametrize("lose", [lose_membership, lose_phone])
def test_losing_the_right_ends_it_within_five_seconds(
    world: World, settings: Settings, lose: Callable[[World], None]
) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = HEARTBEAT
    lost: list[float] = []

    def act() -> None:
        lose(world)
        lost.append(time.monotonic())

    assert follow(world, act, still=2)[-1] == GONE
    assert time.monotonic() - lost[0] < 5


def test_a_right_that_moves_is_followed(world: World) -> None:
    def change() -> None:
        lose_role(world)
        Membership.objects.create(user=world.viewer, group=world.anaheim, role=Role.TECHNICIAN)

    assert len(follow(world, change, lambda: groups.move(group=world.region, to=world.kanarra.root))) == 1
    watch = make_watch(world.viewer, world.placed)
    assert watch()
    world.viewer.memberships.update(group=world.tekton)
    assert watch() is None
    world.viewer.memberships.update(group=world.sadler)
    assert watch() is None  # the region hangs elsewhere now
    world.viewer.memberships.update(group=world.region)
    assert watch()


def test_a_heartbeat_costs_three_short_queries_for_however_many(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    watches = [make_watch(user, world.placed) for user in (world.viewer, world.owner, world.sibling)]
    for number in (1, 2, 3):
        with django_assert_num_queries(3):
            assert [bool(seen) for seen in look_all(watches[:number], [1] * number)] == [True, True, False][:number]


def test_the_owner_who_may_still_look_is_told_of_the_new_assignment(world: World) -> None:
    assert len(follow(world, lambda: lose_device(world), user=world.owner)) == 2


def test_an_announcement_is_heard_before_the_heartbeat(world: World, settings: Settings) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 600.0
    live._get_publisher.cache_clear()
    topic = f"device:{world.placed.device_id}"

    async def scene() -> None:
        client = AsyncClient()
        await client.aforce_login(world.viewer)
        answer = await client.get(reverse("telemetry:stream", kwargs={"serial": world.placed.serial}))
        assert isinstance(answer, StreamingHttpResponse)
        said = 0
        async with asyncio.timeout(5):
            async for chunk in _texts(answer):
                said += chunk.startswith("event: changed")
                if chunk.startswith("event: alive"):  # awake: the subscription stands
                    await sync_to_async(save, thread_sensitive=False)(timed(world.placed, now(), rpm=1))
                    await asyncio.to_thread(live.announce, [topic])
                if said == 2:
                    return

    asyncio.run(scene())


def look(watches: Sequence[Watch]) -> list[Seen | None]:
    """What these see, where they are all that there are."""
    return look_all(watches, [sum(other.device == each.device for other in watches) for each in watches])


def see(watches: Sequence[Watch]) -> list[bytes]:
    return [seen.event for seen in look(watches) if seen is not None]


def read_shown(event: bytes) -> tuple[str, str]:
    """The version and the fragment."""
    name, identity, data, *_ = event.decode().split("\n")
    assert name == "event: shown"
    return identity.removeprefix("id: "), json.loads(data.removeprefix("data: "))


def fetch_part(world: World, user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.get(reverse("telemetry:live", kwargs={"serial": world.placed.serial})).content.decode()


def test_many_get_what_each_would_have_asked_for(world: World) -> None:
    save(timed(world.placed, now(), rpm=4321))
    User.objects.filter(pk=world.technician.pk).update(time_zone="Asia/Tokyo")
    world.technician.refresh_from_db()
    for user in (world.viewer, world.technician):
        many = [make_watch(user, world.placed)] * SHARED_FROM
        few = [make_watch(world.owner, world.foreign)] * (SHARED_FROM - 1)
        events = see([*many, *few])
        assert events[SHARED_FROM:] == [b""] * len(few)
        assert len(set(events[:SHARED_FROM])) == 1
        version, html = read_shown(events[0])
        assert html == fetch_part(world, user)
        assert f'data-version="{version}"' in html
        assert "4,321" in html
        assert (" JST" in html) is (user == world.technician)


def test_what_is_shown_to_many_is_shown_to_nobody_who_may_not_see_it(world: World) -> None:
    save(timed(world.placed, now(), rpm=4321))
    many = [make_watch(world.viewer, world.placed)] * SHARED_FROM
    seen = look([*many, make_watch(world.sibling, world.placed), make_watch(world.stranger, world.placed)])
    assert [each is not None for each in seen] == [True] * SHARED_FROM + [False, False]
    lose_role(world)
    assert look(many) == [None] * SHARED_FROM


def test_who_asks_alone_among_many_is_shown_it_too(world: World) -> None:
    save(timed(world.placed, now(), rpm=4321))
    [seen] = look_all([make_watch(world.viewer, world.placed)], [SHARED_FROM])
    assert seen
    assert "4,321" in read_shown(seen.event)[1]


def test_what_differs_from_reader_to_reader_is_fetched_by_each(world: World) -> None:
    save(timed(world.placed, now(), rpm=1))
    device = Device.objects.get(pk=world.placed.pk)
    assert device.assignment
    viewers, technicians = ([make_watch(user, device)] * SHARED_FROM for user in (world.viewer, world.technician))
    row = Attention.objects.create(
        device=device, organisation=device.organisation, assignment=device.assignment, cause=Attention.Cause.SILENT
    )
    assert all(see(viewers))
    assert not any(see(technicians))  # who may acknowledge it, by a form of their own
    Attention.objects.filter(pk=row.pk).update(by=world.technician, acknowledged_at=now())
    presence.record_seen({device.pk: now()})  # something is new
    assert not any(see(viewers))  # who may not know the name
    Attention.objects.all().delete()
    assert all(see(technicians))
    RefusedAttempt.objects.create(
        device=device, assignment=device.assignment, reason="wrong-secret", last_at=now() + timedelta(hours=1)
    )
    assert not any(see(technicians))
