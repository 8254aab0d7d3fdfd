from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from devices import presence
from devices.models import Connection, Device, Event

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World


def status(device: Device) -> str:
    return str(Device.objects.with_status().get(pk=device.pk).status)


def test_heard_is_online_and_left_is_offline_until_heard_again(world: World) -> None:
    now = timezone.now()
    assert status(world.placed) == Device.Status.NEVER
    presence.seen({world.placed.pk: now})
    assert status(world.placed) == Device.Status.ONLINE
    presence.left([world.placed.pk], now)
    assert status(world.placed) == Device.Status.OFFLINE
    presence.seen({world.placed.pk: now + timedelta(milliseconds=1)})
    assert status(world.placed) == Device.Status.ONLINE


def test_silence_is_offline(world: World) -> None:
    presence.seen({world.placed.pk: timezone.now() - timedelta(seconds=61)})
    assert status(world.placed) == Device.Status.OFFLINE


def test_a_batch_is_one_statement(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    devices = [world.placed.pk, world.waiting.pk, world.foreign.pk]
    for _ in range(2):
        with django_assert_num_queries(1):
            presence.seen(dict.fromkeys(devices, timezone.now()))
    assert Connection.objects.count() == 3


def test_nobody_is_nothing(world: World) -> None:
    presence.seen({})
    presence.left([], timezone.now())
    assert not Connection.objects.exists()


def test_leaving_touches_only_who_left(world: World) -> None:
    now = timezone.now()
    presence.seen({world.placed.pk: now, world.foreign.pk: now})
    presence.left([world.placed.pk], now)
    assert status(world.foreign) == Device.Status.ONLINE


def test_events_stand_in_the_current_assignment(world: World) -> None:
    presence.record(Event.Kind.CONNECTED, [world.placed.pk, world.waiting.pk])
    for device in (world.placed, world.waiting):
        event = Event.objects.of(device).get(kind=Event.Kind.CONNECTED)
        assert event.organisation_id == device.organisation_id
