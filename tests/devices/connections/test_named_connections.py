"""What brokers that name their connections tell: which one ended, and what a former run of theirs had."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices.connections import timeline
from devices.connections.timeline import Change
from devices.models import ConnectedStretch, Connection, Device
from tests.devices.connections.test_timeline import START, at, told

if TYPE_CHECKING:
    from tests.conftest import World


def play(device: Device, *moments: tuple[float, str, str], by_broker: bool = True) -> None:
    """When, through which connection, and why it ended; empty: it came."""
    changes = [Change(device.pk, at(seconds), reason, name) for seconds, name, reason in moments]
    timeline.record(changes, by_broker=by_broker)


def last(device: Device) -> ConnectedStretch:
    return ConnectedStretch.objects.filter(device=device).latest("number")


def test_another_connection_takes_the_formers_place(world: World) -> None:
    play(world.placed, (0, "n.1.a", ""), (600, "n.1.b", ""))
    assert told(world.placed) == [(0, 600, "taken-over"), (600, None, "")]
    play(world.placed, (601, "n.1.a", "closed"))  # the former one's end, told late
    assert told(world.placed)[1] == (600, None, "")
    play(world.placed, (900, "n.1.b", "keep-alive"))
    assert told(world.placed)[1] == (600, 900, "keep-alive")


@pytest.mark.parametrize(
    "moments",
    [
        [(0, "n.1.a", ""), (0, "n.1.a", "")],
        [(0, "n.1.a", ""), (300, "n.1.a", "")],
        [(0, "n.1.a", ""), (-5, "n.1.b", "")],  # of before
    ],
    ids=str,
)
def test_what_is_told_again_or_late_adds_nothing(world: World, moments: list[tuple[float, str, str]]) -> None:
    play(world.placed, *moments)
    assert (told(world.placed), last(world.placed).connection) == ([(0, None, "")], "n.1.a")


def test_an_end_is_never_before_what_it_ends(world: World) -> None:
    play(world.placed, (10, "n.1.a", ""), (3, "n.1.a", "lost"))
    assert told(world.placed) == [(10, 10, "lost")]


def test_who_comes_and_goes_has_one_row_with_what_it_was_away(world: World) -> None:
    play(world.placed, (0, "a", ""), (10, "a", "lost"), (15, "b", ""), (20, "b", "lost"), (50, "c", ""))
    row = last(world.placed)
    assert (row.flaps, row.away, row.ended_at, row.connection) == (2, timedelta(seconds=35), None, "c")
    assert (row.started_at, row.connected_at) == (START, at(50))
    play(world.placed, (109, "c", "lost"), (169, "d", ""))  # away for a minute
    assert [began for began, _, _ in told(world.placed)] == [0, 169]


@pytest.mark.parametrize(("long", "rows"), [(59, 1), (60, 2)])
def test_a_connection_of_a_minute_is_a_stretch_of_its_own(world: World, long: float, rows: int) -> None:
    play(world.placed, (0, "a", ""), (long, "a", "lost"), (long + 1, "b", ""))
    assert len(told(world.placed)) == rows


def test_what_was_seen_by_traffic_becomes_the_brokers_once_it_tells(world: World) -> None:
    play(world.placed, (0, "", ""), by_broker=False)
    assert not last(world.placed).by_broker
    play(world.placed, (5, "n.1.a", ""))
    row = last(world.placed)
    assert (told(world.placed), row.by_broker, row.connection) == ([(0, None, "")], True, "n.1.a")
    play(world.placed, (9, "", ""), by_broker=False)
    assert told(world.placed) == [(0, None, "")]


def test_each_connection_leads_to_its_device_while_it_stands(world: World) -> None:
    play(world.placed, (0, "n.1.a", ""))
    play(world.foreign, (0, "n.1.b", ""), (5, "n.1.b", "closed"))
    play(world.alien, (0, "", ""))
    assert timeline.find_connected(["n.1.a", "n.1.b", "n.1.c", ""]) == {"n.1.a": world.placed.pk}


def heard(device: Device, seconds: float) -> None:
    Connection.objects.create(device=device, last_seen_at=at(seconds))


def test_a_nodes_former_run_ended_when_its_devices_were_heard_last(world: World) -> None:
    play(world.placed, (0, "n.1.a", ""))
    play(world.foreign, (10, "n.2.b", ""))
    play(world.alien, (10, "m.1.c", ""))
    play(world.waiting, (10, "n.1.d", ""))
    heard(world.placed, 7)
    heard(world.waiting, 7)  # of before it came
    timeline.end_former_run("n", "n.2")
    assert told(world.placed) == [(0, 7, "unseen")]
    assert told(world.foreign) == told(world.alien) == [(10, None, "")]
    assert told(world.waiting) == [(10, 10, "unseen")]
    timeline.end_unseen()
    assert told(world.foreign) == [(10, 10, "unseen")]


def test_what_a_broker_told_is_followed_by_traffic_once_it_is_forgotten(world: World) -> None:
    now: Any = timezone.now()
    timeline.record([Change(world.placed.pk, now - timedelta(hours=2))])
    Connection.objects.create(device=world.placed, last_seen_at=now - timedelta(hours=1))
    timeline.follow_traffic()
    assert last(world.placed).ended_at is None
    timeline.forget_broker()
    timeline.follow_traffic()
    assert (last(world.placed).ended_at, last(world.placed).reason) == (now - timedelta(hours=1), "unheard")


def test_who_left_just_now_is_not_begun_anew_by_its_last_report(world: World) -> None:
    now: Any = timezone.now()
    timeline.record([Change(world.placed.pk, now - timedelta(minutes=9)), Change(world.placed.pk, now, "closed")])
    Connection.objects.create(device=world.placed, last_seen_at=now + timedelta(seconds=5))
    timeline.follow_traffic()
    assert last(world.placed).ended_at == now
    Connection.objects.update(last_seen_at=now + timedelta(seconds=11))
    timeline.follow_traffic()
    assert (last(world.placed).number, last(world.placed).by_broker) == (2, False)


def test_the_retired_and_those_that_left_are_not_begun(world: World) -> None:
    for device in (world.placed, world.foreign):
        Connection.objects.create(device=device, last_seen_at=timezone.now())
    Device.objects.filter(pk=world.placed.pk).update(retired_at=Now())
    Connection.objects.filter(device=world.foreign).update(disconnected_at=timezone.now() + timedelta(seconds=1))
    timeline.follow_traffic()
    assert not ConnectedStretch.objects.exists()
