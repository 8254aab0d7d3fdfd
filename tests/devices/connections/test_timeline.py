"""From when to when devices were connected: one row a stretch, few for who flaps, and nothing of what is repeated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from devices import tasks
from devices.connections import presence, timeline
from devices.connections.timeline import Change
from devices.models import ConnectedStretch, Connection, Device

if TYPE_CHECKING:
    import pytest
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

START = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
Row = tuple[float, float | None, str]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def play(device: Device, *moments: float | tuple[float, str]) -> None:
    """A number: it came; with a reason: it left."""
    pairs = [moment if isinstance(moment, tuple) else (moment, "") for moment in moments]
    timeline.record([Change(device.pk, at(seconds), reason) for seconds, reason in pairs])


def told(device: Device) -> list[Row]:
    rows = ConnectedStretch.objects.filter(device=device).order_by("number")
    return [
        (
            (row.started_at - START).total_seconds(),
            (row.ended_at - START).total_seconds() if row.ended_at else None,
            row.reason,
        )
        for row in rows
    ]


def test_a_stretch_has_a_start_an_end_and_a_reason(world: World) -> None:
    play(world.placed, 0)
    assert told(world.placed) == [(0, None, "")]
    play(world.placed, (600, "keep-alive"))
    play(world.placed, 900)
    assert told(world.placed) == [(0, 600, "keep-alive"), (900, None, "")]


def test_told_again_it_is_the_same(world: World) -> None:
    for _ in range(3):
        play(world.placed, 0)
    for _ in range(3):
        play(world.placed, (600, "closed"))
    assert told(world.placed) == [(0, 600, "closed")]


def test_who_left_and_never_came_has_no_stretch(world: World) -> None:
    play(world.placed, (5, "closed"))
    assert told(world.placed) == []


def test_all_in_one_batch(world: World) -> None:
    play(world.placed, 0, (600, "taken-over"), 600.5, (2000, "lost"))
    assert told(world.placed) == [(0, 600, "taken-over"), (600.5, 2000, "lost")]


def test_who_comes_and_goes_each_second_has_one_row(world: World) -> None:
    for second in range(0, 600, 2):
        play(world.placed, second, (second + 1, "lost"))
    (row,) = ConnectedStretch.objects.all()
    assert (row.started_at, row.ended_at, row.flaps, row.away) == (at(0), at(599), 299, timedelta(seconds=299))


def test_a_short_pause_of_a_long_connection_is_told(world: World) -> None:
    play(world.placed, 0, (3600, "lost"), 3601)
    assert told(world.placed) == [(0, 3600, "lost"), (3601, None, "")]


def test_a_device_keeps_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MOST", 3)
    play(world.foreign, 0)
    for number in range(8):
        play(world.placed, number * 1000, (number * 1000 + 500, "closed"))
    assert [start for start, _, _ in told(world.placed)] == [5000, 6000, 7000]
    assert len(told(world.foreign)) == 1


def test_statements_do_not_grow(world: World, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    devices = [world.placed, world.foreign, world.waiting, world.alien]
    for seconds, reason in ((0, ""), (600, "closed"), (1200, "")):
        with django_assert_max_num_queries(6):  # with those of the savepoint
            timeline.record([Change(device.pk, at(seconds), reason) for device in devices])
    with django_assert_max_num_queries(0):
        timeline.record([])


def test_a_removed_device_is_passed_over(world: World) -> None:
    timeline.record([Change(999_999, at(0)), Change(world.placed.pk, at(0))])
    assert ConnectedStretch.objects.count() == 1


def test_why_it_may_be_connected_no_longer(world: World) -> None:
    now = timezone.now()
    Device.objects.filter(pk=world.placed.pk).update(locked_at=now)
    Device.objects.filter(pk=world.waiting.pk).update(retired_at=now)
    Connection.objects.create(device=world.foreign, last_seen_at=now, limited_until=now + timedelta(hours=1))
    for device, reason in (
        (world.placed, "locked"),
        (world.waiting, "retired"),
        (world.foreign, "limited"),
        (world.alien, "revoked"),
    ):
        play(device, 0, (600, timeline.BARRED))
        assert told(device) == [(0, 600, reason)]


def test_who_is_heard_is_connected_until_it_is_not(world: World) -> None:
    now = timezone.now()
    presence.record_seen({world.placed.pk: now})
    tasks.follow_connections()
    tasks.follow_connections()
    (row,) = ConnectedStretch.objects.all()
    assert (row.started_at, row.ended_at, row.by_broker) == (now, None, False)
    heard = now - timedelta(seconds=61)
    ConnectedStretch.objects.update(started_at=heard, connected_at=heard)
    presence.record_seen({world.placed.pk: heard})
    tasks.follow_connections()
    (row,) = ConnectedStretch.objects.all()
    assert (row.ended_at, row.reason) == (heard, "unheard")


def test_who_reports_seldom_is_not_gone_in_between(world: World) -> None:
    heard = timezone.now() - timedelta(minutes=10)
    Connection.objects.create(device=world.placed, last_seen_at=heard, patience=timedelta(minutes=30))
    timeline.record([Change(world.placed.pk, heard)], by_broker=False)
    tasks.follow_connections()
    assert ConnectedStretch.objects.get().ended_at is None
    Connection.objects.update(patience=timedelta(minutes=9))
    tasks.follow_connections()
    assert ConnectedStretch.objects.get().ended_at == heard


def test_what_a_broker_tells_goes_before_what_is_heard(world: World) -> None:
    long_ago, now = timezone.now() - timedelta(hours=2), timezone.now()
    timeline.record([Change(world.placed.pk, long_ago)])
    presence.record_seen({world.placed.pk: long_ago})
    tasks.follow_connections()
    assert ConnectedStretch.objects.get().ended_at is None  # connected, and says nothing
    timeline.record([Change(world.placed.pk, now, "closed")])
    presence.record_seen({world.placed.pk: now})  # its last report was stored after it left
    tasks.follow_connections()
    assert ConnectedStretch.objects.get().ended_at == now


def test_what_a_broker_told_before_it_was_lost_is_judged_by_what_is_heard(world: World) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    for device in (world.placed, world.foreign):
        timeline.record([Change(device.pk, long_ago)])
    presence.record_seen({world.placed.pk: long_ago, world.foreign.pk: timezone.now()})
    timeline.forget_broker()
    tasks.follow_connections()
    assert ConnectedStretch.objects.get(device=world.placed).reason == "unheard"
    assert ConnectedStretch.objects.get(device=world.foreign).ended_at is None
    timeline.record([Change(world.foreign.pk, timezone.now())])  # the broker tells of it again
    assert ConnectedStretch.objects.get(device=world.foreign).by_broker is True


def test_a_broker_that_broke_off_ends_what_it_had(world: World) -> None:
    began, heard = timezone.now() - timedelta(hours=2), timezone.now() - timedelta(hours=1)
    timeline.record([Change(world.placed.pk, began), Change(world.foreign.pk, began)])
    presence.record_seen({world.placed.pk: heard})
    timeline.end_unseen()
    ends = {row.device_id: (row.ended_at, row.reason) for row in ConnectedStretch.objects.all()}
    assert ends == {world.placed.pk: (heard, "unseen"), world.foreign.pk: (began, "unseen")}


def test_what_is_old_is_cleared(world: World) -> None:
    old = timezone.now() - timedelta(days=91)
    timeline.record([Change(world.placed.pk, old), Change(world.placed.pk, old + timedelta(hours=1), "closed")])
    timeline.record([Change(world.foreign.pk, old)])  # and is connected since
    tasks.clear_expired()
    assert [row.device_id for row in ConnectedStretch.objects.all()] == [world.foreign.pk]
