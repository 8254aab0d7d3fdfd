from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from devices.connections import presence
from devices.models import Connection, Device, Event

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World


def status(device: Device) -> str:
    return str(Device.objects.with_status().get(pk=device.pk).status)


def test_heard_is_online_and_left_is_offline_until_heard_again(world: World) -> None:
    now = timezone.now()
    assert status(world.placed) == Device.Status.NEVER
    presence.record_seen({world.placed.pk: now})
    assert status(world.placed) == Device.Status.ONLINE
    presence.record_left([world.placed.pk], now)
    assert status(world.placed) == Device.Status.OFFLINE
    presence.record_seen({world.placed.pk: now + timedelta(milliseconds=1)})
    assert status(world.placed) == Device.Status.ONLINE


def test_silence_is_offline(world: World) -> None:
    presence.record_seen({world.placed.pk: timezone.now() - timedelta(seconds=61)})
    assert status(world.placed) == Device.Status.OFFLINE


def test_a_batch_is_one_statement(world: World, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    devices = [world.placed.pk, world.waiting.pk, world.foreign.pk]
    for _ in range(2):
        with django_assert_num_queries(1):
            presence.record_seen(dict.fromkeys(devices, timezone.now()))
    assert Connection.objects.count() == 3


def test_nobody_is_nothing(world: World) -> None:
    presence.record_seen({})
    presence.record_left([], timezone.now())
    assert not Connection.objects.exists()


def test_leaving_touches_only_who_left(world: World) -> None:
    now = timezone.now()
    presence.record_seen({world.placed.pk: now, world.foreign.pk: now})
    presence.record_left([world.placed.pk], now)
    assert status(world.foreign) == Device.Status.ONLINE


def test_events_stand_in_the_current_assignment(world: World) -> None:
    presence.record_change(Event.Kind.CONNECTED, [world.placed.pk, world.waiting.pk])
    for device in (world.placed, world.waiting):
        event = Event.objects.of(device).get(kind=Event.Kind.CONNECTED)
        assert event.organisation_id == device.organisation_id


def test_the_roll_keeps_rows_and_tells_of_changes_that_last(world: World) -> None:
    start = timezone.now()
    tracker = presence.PresenceTracker(start)
    here = {world.placed.pk: world.placed.device_id}

    def after(seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    def told() -> list[str]:
        kinds = Event.objects.filter(device=world.placed, kind__in=presence.CHANGES).order_by("id")
        return list(kinds.values_list("kind", flat=True))

    assert tracker.update(here, after(1)) == {world.placed.device_id}
    assert (status(world.placed), told()) == ("online", ["connected"])
    assert tracker.update(here, after(2)) == set()
    for second in range(3, 30, 2):  # a storm
        assert tracker.update({}, after(second)) == {world.placed.device_id}
        assert status(world.placed) == "offline"
        assert tracker.update(here, after(second + 1)) == {world.placed.device_id}
    assert (status(world.placed), told()) == ("online", ["connected"])
    tracker.update({}, after(31))
    tracker.update({}, after(40))
    assert told() == ["connected"]
    tracker.update({}, after(41))
    assert told() == ["connected", "disconnected"]
    tracker.update(here, after(42))
    assert told() == ["connected", "disconnected", "connected"]


def test_the_roll_keeps_silent_devices_online(world: World) -> None:
    start = timezone.now() - timedelta(minutes=5)
    tracker = presence.PresenceTracker(start)
    for second in range(0, 300, 5):
        tracker.update({world.placed.pk: world.placed.device_id}, start + timedelta(seconds=second))
    assert status(world.placed) == "online"


def test_a_restarted_roll_misses_who_does_not_come_back(world: World) -> None:
    start = timezone.now()
    here = {device.pk: device.device_id for device in (world.placed, world.foreign)}
    presence.PresenceTracker(start).update(here, start)
    tracker = presence.PresenceTracker(start + timedelta(seconds=1))
    del here[world.foreign.pk]
    tracker.update(here, start + timedelta(seconds=2))
    tracker.update(here, start + timedelta(seconds=12))
    changes = [(event.device, event.kind) for event in Event.objects.filter(kind__in=presence.CHANGES).order_by("id")]
    assert sorted(kind for _, kind in changes[:2]) == ["connected", "connected"]
    assert changes[2:] == [(world.foreign, "disconnected")]


def test_a_clock_that_is_put_back_delays_neither_last_seen_nor_events(world: World) -> None:
    ahead = timezone.now() + timedelta(hours=1)
    tracker = presence.PresenceTracker(ahead)
    both = {world.placed.pk: "a", world.foreign.pk: "b"}
    tracker.update(both, ahead)
    tracker.update({world.placed.pk: "a"}, ahead)
    now = timezone.now()
    tracker.update({world.placed.pk: "a"}, now)
    tracker.update({world.placed.pk: "a"}, now + timedelta(seconds=21))
    assert Connection.objects.get(device=world.placed).last_seen_at == now + timedelta(seconds=21)
    assert Event.objects.filter(device=world.foreign, kind=Event.Kind.DISCONNECTED).count() == 1
