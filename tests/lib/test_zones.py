"""Zones that can be chosen are those that people mean, and each moment is told in one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from lib import zones
from lib.zones import Clock, PersonClock


def test_utc_comes_first_and_then_places_in_order() -> None:
    first, *places = zones.list_zones()
    assert first == "UTC"
    assert places == sorted(places)
    assert {"Europe/Zurich", "America/Los_Angeles", "America/Argentina/Buenos_Aires"} <= {*places}
    assert all("/" in place for place in places)


@pytest.mark.parametrize("name", ["", "posix/Europe/Zurich", "Etc/GMT+5", "Etc/UTC", "EST", "localtime", "Factory"])
def test_what_nobody_means_is_not_offered(name: str) -> None:
    assert name not in zones.list_zones()
    with pytest.raises(ValidationError, match="is no time zone"):
        zones.validate_zone(name)
    assert zones.get_zone(name) == ZoneInfo("UTC")


def test_a_choice_is_told_in_words() -> None:
    offered = dict(zones.list_choices())
    assert offered["America/Los_Angeles"] == "America/Los Angeles"
    assert {*offered} == {*zones.list_zones()}


def test_a_wrong_name_is_told_shortened() -> None:
    zones.validate_zone("Europe/Zurich")
    with pytest.raises(ValidationError) as refused:
        zones.validate_zone("x" * 300)
    assert refused.value.messages == [f"“{'x' * 64}” is no time zone: choose one such as UTC or America/Los_Angeles."]


AT = datetime(2026, 7, 1, 10, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "text"),
    [(0, "12:30:15 AM"), (1, "1:30:15 AM"), (11, "11:30:15 AM"), (12, "12:30:15 PM"), (13, "1:30:15 PM")],
)
def test_twelve_hours_have_no_zero(hour: int, text: str) -> None:
    assert PersonClock("UTC", Clock.HOURS_12).describe(AT.replace(hour=hour)) == f"2026-07-01 {text} UTC"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, "2026-07-01 12:30:15 CEST"),
        (AT.replace(month=1), "2026-01-01 11:30:15 CET"),
        (AT.astimezone(timezone(timedelta(hours=-8))), "2026-07-01 12:30:15 CEST"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25 02:30:00 CEST"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25 02:30:00 CET"),
    ],
)
def test_the_hour_that_comes_twice_is_told_apart_by_its_zone(at: datetime, text: str) -> None:
    assert PersonClock("Europe/Zurich").describe(at) == text


def test_a_zone_without_letters_is_told_by_its_distance() -> None:
    assert PersonClock("America/Sao_Paulo").describe(AT) == "2026-07-01 07:30:15 UTC-03"


def test_a_cell_is_local_without_its_zone() -> None:
    assert PersonClock("Asia/Tokyo").write_cell(AT) == "2026-07-01 19:30:15"
    assert PersonClock("Asia/Tokyo").write_cell(AT, "milliseconds") == "2026-07-01 19:30:15.123"


def test_the_end_of_all_time_is_told_in_utc() -> None:
    clock = PersonClock("Asia/Tokyo")
    assert clock.describe(datetime.max.replace(tzinfo=UTC)) == "9999-12-31 23:59:59 UTC"
    assert clock.write_cell(datetime.max.replace(tzinfo=UTC)) == "9999-12-31 23:59:59"


def test_another_zone_than_utc_is_told() -> None:
    assert not PersonClock().has_zone
    assert PersonClock("Asia/Tokyo").has_zone
    assert PersonClock("Gone/Zone").zone_info == ZoneInfo("UTC")
