"""A day at a glance: which day is meant, when it begins and ends, and how long its windows took."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from provisioning.journal import today
from provisioning.models import Window
from provisioning.refusals import DAY_UNKNOWN
from tenants.models import Role
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World

BERLIN, DENVER = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Denver")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-11-02", date(2026, 11, 2)), ("2000-01-01", today.FIRST), ("2999-12-31", today.LAST)],
)
def test_a_day_is_written_as_iso_8601_has_it(text: str, day: date) -> None:
    assert today.parse_day(text) == day


@pytest.mark.parametrize("text", ["1999-12-31", "3000-01-01", "02.11.2026", "2026-13-01", "today", "9" * 30])
def test_what_is_no_day_of_ours_is_refused(text: str) -> None:
    with refused(DAY_UNKNOWN) as caught:
        today.parse_day(text)
    assert caught.value.field == "day"


@pytest.mark.parametrize(("zone", "day"), [(BERLIN, date(2026, 11, 3)), (DENVER, date(2026, 11, 2))])
def test_nothing_is_today_by_the_readers_clock(monkeypatch: pytest.MonkeyPatch, zone: ZoneInfo, day: date) -> None:
    monkeypatch.setattr(timezone, "now", lambda: utc(2026, 11, 3, 3))
    with timezone.override(zone):
        assert today.parse_day("") == day


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        (ZoneInfo("UTC"), date(2026, 11, 2), utc(2026, 11, 2), 24),
        (BERLIN, date(2026, 11, 2), utc(2026, 11, 1, 23), 24),
        (BERLIN, date(2026, 10, 25), utc(2026, 10, 24, 22), 25),
        (BERLIN, date(2026, 3, 29), utc(2026, 3, 28, 23), 23),
        (DENVER, date(2026, 11, 1), utc(2026, 11, 1, 6), 25),
    ],
)
def test_a_day_is_as_long_as_its_clock_has_it(zone: ZoneInfo, day: date, begins: datetime, hours: int) -> None:
    with timezone.override(zone):
        start, end = today.get_bounds(day)
    assert start == begins
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=hours)


def make_windows(world: World, *told: tuple[int, datetime], outcome: str = "completed") -> None:
    """Windows of so many seconds, opened then, each of a device of its own."""
    for seconds, opened in told:
        device = builders.make_device(world.version)
        window = Window.objects.create(device=device, technician=world.technician, deadline=opened + timedelta(hours=1))
        ended = {"closed_at": opened + timedelta(seconds=seconds), "outcome": outcome}
        Window.objects.filter(pk=window.pk).update(opened_at=opened, **ended)


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [([], None), ([130], 2.2), ([60, 600], 5.5), ([60, 60, 6000], 1.0), ([30, 90, 120, 600], 1.8)],
)
def test_how_long_it_took_is_the_median(world: World, seconds: list[int], minutes: float | None) -> None:
    make_windows(world, *((each, utc(2026, 11, 2, 9)) for each in seconds))
    day = today.sum_up(world.owner, date(2026, 11, 2))
    assert (day.done, day.minutes, day.failed, day.open) == (len(seconds), minutes, 0, 0)
    assert [row.minutes for row in day.technicians] == ([minutes] if seconds else [])


def test_a_window_is_of_the_day_on_which_it_was_opened(world: World) -> None:
    make_windows(world, (60, utc(2026, 11, 2)), (60, utc(2026, 11, 2, 23, 59, 59)), (60, utc(2026, 11, 3)))
    assert [today.sum_up(world.owner, date(2026, 11, day)).done for day in (1, 2, 3)] == [0, 2, 1]
    with timezone.override(DENVER):
        assert [today.sum_up(world.owner, date(2026, 11, day)).done for day in (1, 2, 3)] == [1, 2, 0]


def test_what_failed_is_counted_by_cause_and_told_to_the_organisations_own_admins(world: World) -> None:
    at = utc(2026, 11, 2, 9)
    make_windows(world, (5, at), (6, at), outcome="cancelled")
    make_windows(world, (5, at), outcome="superseded")
    make_windows(world, (5, at), (5, at), (5, at), outcome="expired")
    make_windows(world, (5, at))
    day = today.sum_up(world.owner, date(2026, 11, 2))
    assert [(each.code, each.number) for each in day.failures] == [
        ("not-pressed", 3),
        ("cancelled", 2),
        ("superseded", 1),
    ]
    assert (day.done, day.failed, day.open) == (1, 6, 0)
    for other in (world.admin, world.stranger):
        assert today.sum_up(other, date(2026, 11, 2))[1:] == (0, None, [], [], 0)


def test_technicians_come_by_how_much_they_did_then_by_name(world: World) -> None:
    at = utc(2026, 11, 2, 9)
    for name, done in (("Zoe", 2), ("Ada", 1), ("Max", 1)):
        person = builders.make_user(f"{name}@kanarra.example", world.kanarra.root, Role.TECHNICIAN, name=name)
        make_windows(world, *[(60, at)] * done)
        Window.objects.filter(technician=world.technician).update(technician=person)
    day = today.sum_up(world.owner, date(2026, 11, 2))
    assert [(row.name, row.done) for row in day.technicians] == [("Zoe", 2), ("Ada", 1), ("Max", 1)]
