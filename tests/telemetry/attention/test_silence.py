from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.utils import timezone

from devices.models import Attention, Connection
from devices.mqtt import heartbeat
from telemetry.attention import silence
from telemetry.attention.silence import compute_patience
from tests.telemetry.attention.saying import found, report_every, say

if TYPE_CHECKING:
    from tests.conftest import World

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SILENT = [("silent", "")]


@pytest.mark.parametrize(
    ("pause", "last", "is_silent"),
    [
        (10 * SECOND, 50 * SECOND, False),  # a minute at least
        (10 * SECOND, 70 * SECOND, True),
        (5 * MINUTE, 14 * MINUTE, False),
        (5 * MINUTE, 16 * MINUTE, True),
        (6 * HOUR, 17 * HOUR, False),
        (6 * HOUR, 19 * HOUR, True),
    ],
)
def test_silent_for_three_of_its_own_intervals(
    world: World, pause: timedelta, last: timedelta, is_silent: bool
) -> None:
    report_every(world.placed, pause, last=last)
    silence.find_silent()
    silence.find_silent()
    assert found(world.placed) == (SILENT if is_silent else [])
    say(world.placed, rpm=1)
    assert found(world.placed) == []


def test_one_that_hardly_said_anything_is_silent_after_a_day(world: World) -> None:
    report_every(world.placed, MINUTE, last=23 * HOUR, count=3)
    silence.find_silent()
    assert found(world.placed) == []
    report_every(world.foreign, MINUTE, last=25 * HOUR, count=3)
    silence.find_silent()
    assert found(world.foreign) == SILENT


def test_one_just_placed_has_as_long_as_any(world: World) -> None:
    report_every(world.placed, MINUTE, last=HOUR)
    world.placed.assignments.update(opened_at=timezone.now() - MINUTE)
    silence.find_silent()
    assert found(world.placed) == []


def test_one_that_merely_stays_connected_is_silent(world: World) -> None:
    report_every(world.placed, MINUTE, last=HOUR)
    Connection.objects.update(last_seen_at=timezone.now())
    silence.find_silent()
    assert found(world.placed) == SILENT


def test_of_nobody_locked_retired_or_in_no_group(world: World) -> None:
    report_every(world.placed, MINUTE, last=HOUR)
    report_every(world.foreign, MINUTE, last=HOUR)
    report_every(world.waiting, MINUTE, last=HOUR)
    type(world.placed).objects.filter(pk=world.placed.pk).update(locked_at=timezone.now())
    type(world.placed).objects.filter(pk=world.foreign.pk).update(retired_at=timezone.now())
    silence.find_silent()
    assert not Attention.objects.exists()


def test_its_interval_follows_what_it_does(world: World) -> None:
    report_every(world.placed, 6 * HOUR, last=MINUTE, count=5)
    silence.find_silent()
    assert Connection.objects.get(device=world.placed).patience == 18 * HOUR
    report_every(world.placed, 5 * SECOND, last=2 * MINUTE)
    silence.find_silent()
    assert found(world.placed) == SILENT


@pytest.mark.parametrize(
    ("pauses", "patience"),
    [
        ([10] * 2, None),
        ([10] * 16, MINUTE),
        ([100] * 16, 300 * SECOND),
        ([100] * 12 + [9000] * 4, 300 * SECOND),  # it was away now and then
        ([1] * 8 + [100] * 8, 300 * SECOND),  # several reports at once, then a pause
        ([0] * 16, MINUTE),
    ],
)
def test_the_usual_interval(pauses: list[int], patience: timedelta | None) -> None:
    times = [float(sum(pauses[:n])) for n in range(len(pauses) + 1)]
    assert compute_patience(times) == patience


def test_while_the_site_itself_hears_nobody_nobody_is_silent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    report_every(world.placed, MINUTE, last=HOUR)
    clock, beat = timezone.now(), dict[str, object]()
    monkeypatch.setattr(heartbeat, "read", lambda: beat)
    monkeypatch.setattr(silence, "read_now", lambda: clock)
    silence.watch()
    beat.update(connected=True, failing=False)
    silence.watch()
    clock += 2 * MINUTE
    silence.watch()
    assert found(world.placed) == []
    clock += 2 * MINUTE
    silence.watch()
    assert found(world.placed) == SILENT
