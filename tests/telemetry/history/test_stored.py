"""A long time is read in two statements, whatever lies in it, and nothing is seen in it that is not one's own."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.lifecycle import assignments
from devices.models import Assignment, Attribute
from telemetry.history import levels, rolled, roller, series, states
from telemetry.history.levels import Piece
from telemetry.history.rollups import DAY, HOUR
from telemetry.history.stored import Stored, read_stored
from telemetry.models import LateReport, PackedDay, Report, RollUp
from tests.telemetry.history.play import START, STATE, STATES, Clock, at, list_stored
from tests.telemetry.reports import EPOCH, save, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import Settings

    from devices.models import Device
    from tests.conftest import World

DAYS, PAUSE = 65, 8 * HOUR
END = START + DAYS * DAY + 5 * HOUR
MS = 1000
NAMES = [f"n{n}" for n in range(8)]
READS: dict[str, Callable[[Device, series.Span], Any]] = {
    "one number": lambda device, span: series.read_series(device, NAMES[:1], span),
    "eight": lambda device, span: series.read_series(device, NAMES, span),
    "a state": lambda device, span: states.read_timelines(device, [Attribute(name=STATE, type="string")], span),
}
SPANS = {"month": 30, "year": DAYS}


@pytest.fixture
def lived(world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Clock:
    """Store three reports a day, all but the last days packed, some of the last hour as they lie."""
    monkeypatch.setattr(levels, "LEAST", 60)
    clock = Clock()
    clock.hour = END
    monkeypatch.setattr(roller, "_find_last_hour", lambda: clock.hour)
    monkeypatch.setattr(roller, "UPGRADE", timedelta(seconds=-1))
    settings.PACK_AFTER_DAYS = 4
    Assignment.objects.update(opened_at=EPOCH + timedelta(seconds=START - DAY))
    times = [*range(START + HOUR // 2, END, PAUSE), END + 60, END + 90]
    save(*(timed(world.placed, at(time * MS), **make_values(n)) for n, time in enumerate(times)))
    assert roller.roll(60)
    assert PackedDay.objects.exists()
    assert RollUp.objects.exists()
    assert Report.objects.exists()
    return clock


def make_values(n: int) -> dict[str, Any]:
    return {**{name: n + place / 8 for place, name in enumerate(NAMES)}, STATE: STATES[n // 9 % 3]}


def find_span(days: int) -> series.Span:
    return series.Span(at((END - days * DAY) * MS + 1_234_567), at(END * MS + 3_000_000))


def count(read: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as asked:
        read()
    return len(asked)


def test_a_long_time_is_read_in_two_statements(world: World, lived: Clock) -> None:
    def count_all() -> dict[tuple[str, str], int]:
        each = {(what, name): (read, find_span(days)) for what, read in READS.items() for name, days in SPANS.items()}
        assert all(read(world.placed, span) for read, span in each.values())
        return {case: count(partial(read, world.placed, span)) for case, (read, span) in each.items()}

    assert set(count_all().values()) == {2}
    save(timed(world.placed, at((END - 10 * DAY) * MS + 5), n0=99, engineState="fault"))
    assert LateReport.objects.exists()
    assert set(count_all().values()) == {2}


def test_points_that_sums_do_not_hold_are_read_in_one_more(world: World, lived: Clock) -> None:
    for day in (6, 8):
        start = (END - day * DAY) // DAY * DAY * MS
        save(*(timed(world.placed, at(start + n * 60_000), n0=n) for n in range(9)))
    assert roller.roll(60)
    for days in SPANS.values():
        read = partial(series.read_series, world.placed, NAMES, find_span(days))
        assert read().bucket == 0, days
        assert count(read) == 3, days


def test_what_is_read_bit_by_bit_is_the_same(world: World, lived: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    late: dict[str, Any] = {"n0": -1, "n1": "off", STATE: True}
    save(*(timed(world.placed, at((END - 40 * HOUR * n) * MS + 7), **late) for n in range(4)))
    spans = [find_span(days) for days in (8, *SPANS.values())]
    for span in spans:
        assert series.read_series(world.placed, NAMES, span) == series.read_reported(world.placed, NAMES, span)
    at_once = [read(world.placed, span) for span in spans for read in READS.values()]
    monkeypatch.setattr(rolled, "AT_ONCE", 0)
    assert [read(world.placed, span) for span in spans for read in READS.values()] == at_once


def test_each_assignment_has_its_own(world: World, lived: Clock) -> None:
    former = world.placed.assignment_id
    moved = END + HOUR
    assignments.assign(device=world.placed, group=world.boise, name="Moved", model=None, by=world.owner)
    Assignment.objects.filter(pk=str(world.placed.assignment_id)).update(opened_at=at(moved * MS))
    save(*(timed(world.placed, at((moved + n * HOUR) * MS), n0=-n) for n in range(1, 9 * 24)))
    lived.hour = moved + 9 * DAY
    assert roller.roll(60)
    save(timed(world.placed, at(lived.hour * MS + 5), n0=-1000))
    begin = (END - 20 * DAY) // DAY * DAY
    times = [piece_of(0, begin, lived.hour + HOUR), piece_of(HOUR, begin, lived.hour), piece_of(DAY, begin, lived.hour)]
    stored = {key: list_moments(tenure, times, world.placed) for key, tenure in (("new", None), ("old", former))}
    assert min(stored["new"]) // DAY == moved // DAY
    assert max(stored["new"]) == lived.hour // DAY * DAY
    assert (min(stored["old"]), max(stored["old"]) // DAY) == (begin, END // DAY)
    world.placed.assignment = None
    assert read_stored(world.placed, times, NAMES) == [Stored([], [], [])] * 3


def piece_of(seconds: int, start: int, end: int) -> Piece:
    return Piece(seconds, start * MS, end * MS)


def list_moments(tenure: int | None, pieces: list[Piece], device: Device) -> list[int]:
    """Return of which days, in seconds since the epoch, something is read for an assignment, or for the current one."""
    if tenure is not None:
        device.assignment_id = tenure
    moments = []
    for told in read_stored(device, pieces, NAMES):
        moments += [start for start, _ in told.rollups] + [of.day * DAY for of in told.packed]
        moments += [when // MS for when, _ in told.reports]
    device.refresh_from_db()
    return [moment // DAY * DAY for moment in moments]


def test_a_piece_has_what_lies_in_it_to_the_millisecond(world: World, lived: Clock) -> None:
    first, second = (END + 60) * MS, (END + 90) * MS
    for start, end, found in (
        (first, second, [first]),
        (first + 1, second + 1, [second]),
        (first, second + 1, [first, second]),
        (first + 1, second, []),
    ):
        [stored] = read_stored(world.placed, [Piece(0, start, end)], NAMES)
        assert sorted(when for when, _ in stored.reports) == found


def test_long_texts_are_not_carried(world: World, lived: Clock) -> None:
    time = (END + 200) * MS
    save(timed(world.placed, at(time), n0="ö" * 100_000, other="x" * 100_000))
    [stored] = read_stored(world.placed, [Piece(0, time, time + 1)], ["n0"])
    [(when, values)] = stored.reports
    assert when == time
    assert json.loads(values)["n0"][:61] == "ö" * 61
    if connection.vendor == "postgresql":
        assert json.loads(values) == {"n0": "ö" * 61}


def test_it_is_the_same_where_the_server_keeps_no_statements(world: World, lived: Clock, settings: Settings) -> None:
    span = find_span(DAYS)
    kept = [read(world.placed, span) for read in READS.values()]
    settings.DATABASE_PREPARE = not settings.DATABASE_PREPARE
    assert [read(world.placed, span) for read in READS.values()] == kept


def test_what_is_packed_between_the_two_is_read_once(
    world: World, lived: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is made of what stands, and all of it is read of one moment after that."""
    late = at((END - 20 * DAY) // DAY * DAY * MS + 5)
    save(timed(world.placed, late, n0=5000, engineState="fault"))
    before = list_stored()
    plan, span = levels.plan, find_span(30)
    expected = {what: read(world.placed, span) for what, read in READS.items()}

    def plan_late(*args: Any) -> Any:
        planned = plan(*args)
        assert roller.roll(60)
        return planned

    monkeypatch.setattr(levels, "plan", plan_late)
    assert {what: read(world.placed, span) for what, read in READS.items()} == expected
    assert not LateReport.objects.exists()
    assert list_stored() == before
