"""Which time an address means, and what a page says of one that means none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone

from devices.models import Assignment, Device
from telemetry import refusals
from telemetry.history import time_range
from telemetry.history.series import Span
from tests.refused import refused
from tests.telemetry.reports import EPOCH, now

if TYPE_CHECKING:
    from django.test import Client

    from lib.refusals import Kind
    from tests.conftest import World

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LONE = Device(registered_at=NOON - DAY)  # in no group
DENVER = ZoneInfo("America/Denver")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("from=2026-07-01T08:00&to=2026-07-01T09:30:15", "from=2026-07-01T14:00:00Z&to=2026-07-01T15:30:15Z"),
        ("from=2026-01-01T08:00&to=", "from=2026-01-01T15:00:00Z"),
        ("from=2026-07-01T14:00:00Z&to=2026-07-01T09:30", "from=2026-07-01T14:00:00Z&to=2026-07-01T15:30:00Z"),
        # The hour that the clock strikes twice is all of it, the one that it leaves out is none.
        ("from=2026-11-01T01:30&to=2026-11-01T01:30", "from=2026-11-01T07:30:00Z&to=2026-11-01T08:30:00Z"),
        ("from=2026-07-01T14:00:00Z&to=2026-07-02T14:00:00%2B01:00", ""),
        ("from=1790000000000", ""),
        ("from=1796051531706&to=1796051591706", ""),  # as dates without separators these are of May 1796
        ("range=6h", ""),
        ("from=never&to=0000-01-01T00:00", ""),
        ("from=9999-12-31T23:59", ""),
        ("", ""),
    ],
)
def test_a_persons_clock_becomes_moments(typed: str, meant: str) -> None:
    assert time_range.name_zone(QueryDict(typed), DENVER) == meant


def test_the_page_leads_on_to_an_address_that_is_the_same_for_everybody(client: Client, world: World) -> None:
    world.viewer.time_zone = "America/Denver"
    world.viewer.save()
    client.force_login(world.viewer)
    path = f"/devices/{world.placed.serial}/"
    answer = client.get(path, {"from": "2026-07-01T08:00", "to": "2026-07-01T09:00"})
    assert answer["Location"] == f"{path}?from=2026-07-01T14:00:00Z&to=2026-07-01T15:00:00Z#history-title"
    html = client.get(answer["Location"]).content.decode()
    assert 'value="2026-07-01T08:00:00"' in html
    assert 'value="2026-07-01T09:00:00"' in html


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("range=2h", "There is no range of this name."),
        ("to=2026-07-01T09:00", "“to” needs a “from”."),
        ("from=2026-07-02T09:00&to=2026-07-01T09:00", "must not be later than"),
        ("from=1999-07-02T09:00&to=2026-07-01T09:00", "longer than 3,660 days"),
        ("from=soon", "is no time"),
        ("from=1790000000", "look like seconds"),
    ],
)
def test_the_page_says_why_a_range_is_none_and_shows_the_usual_one(
    client: Client, world: World, query: str, says: str
) -> None:
    client.force_login(world.viewer)
    answer = client.get(f"/devices/{world.placed.serial}/?{query}", follow=True)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert says in html
    assert 'data-range="1h"' in html


def test_all_is_since_it_is_in_its_group(world: World) -> None:
    begun = now() - timedelta(days=4_000)
    Assignment.objects.update(opened_at=begun)
    world.placed.refresh_from_db()
    span = time_range.parse_span(QueryDict("range=all"), world.placed)
    assert span.start == begun
    assert abs(span.end - datetime.now(UTC)) < timedelta(seconds=9)
    lone = time_range.parse_span(QueryDict("range=all"), world.waiting)
    assert lone.start == world.waiting.registered_at - time_range.OLDEST


@pytest.fixture
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.mark.usefixtures("_at_noon")
@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", NOON - timedelta(hours=1), NOON),
        ("range=6h", NOON - timedelta(hours=6), NOON),
        ("range=1y", NOON - 365 * DAY, NOON),
        ("range=all", NOON - 32 * DAY, NOON),
        ("from=2026-06-30T12:00:00Z", NOON - DAY, NOON),
        ("from=2026-06-30T12:00:00Z&to=", NOON - DAY, NOON),
        ("from=2026-06-30T14:00:00%2B02:00&to=2026-06-30T12:00:00.5Z", NOON - DAY, NOON - DAY + timedelta(seconds=0.5)),
        ("from=100000000000&to=100000000001", *(EPOCH + timedelta(milliseconds=10**11 + n) for n in (0, 1))),
        ("from=0&to=315360000000", EPOCH, EPOCH + 3650 * DAY),
        ("from=2026-07-01T12:00:00Z&to=2026-07-01T12:00:00Z", NOON, NOON),
        ("from=2016-06-23T12:00:00Z", NOON - 3_660 * DAY, NOON),
    ],
)
def test_what_an_address_asks_for(query: str, start: datetime, end: datetime) -> None:
    span = time_range.parse_span(QueryDict(query), LONE)
    assert (span.start, span.end) == (start, end)


@pytest.mark.usefixtures("_at_noon")
@pytest.mark.parametrize(
    ("query", "kind", "field"),
    [
        ("range=2h", refusals.RANGE_UNKNOWN, "range"),
        ("range=", refusals.RANGE_UNKNOWN, "range"),
        ("range=1h&from=2026-06-30T12:00:00Z", refusals.RANGE_TWICE, "range"),
        ("to=2026-06-30T12:00:00Z", refusals.RANGE_WITHOUT_START, "to"),
        ("range=1h&to=2026-06-30T12:00:00Z", refusals.RANGE_WITHOUT_START, "to"),
        ("from=2026-07-01T12:00:00.001Z", refusals.RANGE_BACKWARDS, "from"),
        ("from=2016-06-23T11:59:59.999Z", refusals.RANGE_TOO_LONG, "from"),
        ("from=", refusals.NO_TIME, "from"),
        ("from=2026-06-30T12:00:00Z&to=noon", refusals.NO_TIME, "to"),
        ("from=2026-02-30T12:00:00Z", refusals.NO_TIME, "from"),
        ("from=-1", refusals.NO_TIME, "from"),
        (f"from={9**40}", refusals.NO_TIME, "from"),
        ("from=0001-01-01T00:00:00%2B14:00", refusals.NO_TIME, "from"),
        ("from=2026-06-30T12:00:00", refusals.TIME_WITHOUT_ZONE, "from"),
        ("from=2026-06-30T12:00:00Z&to=2026-06-30T13:00", refusals.TIME_WITHOUT_ZONE, "to"),
        ("from=1", refusals.TIME_IN_SECONDS, "from"),
        ("from=99999999999", refusals.TIME_IN_SECONDS, "from"),
    ],
)
def test_what_means_no_time_is_refused_where_it_stands(query: str, kind: Kind, field: str) -> None:
    with refused(kind) as caught:
        time_range.parse_span(QueryDict(query), LONE)
    assert caught.value.field == field


def test_what_ranges_there_are_is_said() -> None:
    with refused(refusals.RANGE_UNKNOWN, match="1h, 6h, 24h, 7d, 30d, 1y, all"):
        time_range.choose_range(QueryDict("range=2h"))


@pytest.mark.usefixtures("_at_noon")
@pytest.mark.parametrize(
    ("query", "ahead"), [("range=all", 2 * DAY), ("range=1y", 0 * DAY), ("from=2026-06-30T12:00:00Z", 0 * DAY)]
)
def test_a_file_of_all_has_what_is_ahead_of_the_clock(query: str, ahead: timedelta) -> None:
    page, file = time_range.parse_span(QueryDict(query), LONE), time_range.parse_file_span(QueryDict(query), LONE)
    assert (file.start, file.end) == (page.start, page.end + ahead)


@pytest.mark.usefixtures("_at_noon")
@pytest.mark.parametrize(
    ("query", "name", "live", "again"),
    [
        ("", "1h", True, "range=1h"),
        ("range=7d", "7d", True, "range=7d"),
        ("range=all", "all", True, "range=all"),
        ("from=2026-06-30T12:00:00Z", "", True, "from=1782820800000"),
        ("from=2026-06-30T12:00:00Z&to=", "", True, "from=1782820800000"),
        ("from=1782820800000&to=2026-07-01T12:00:00Z", "", False, "from=1782820800000&to=1782907200000"),
    ],
)
def test_a_page_goes_on_live_where_its_range_has_no_end(query: str, name: str, live: bool, again: str) -> None:
    shown = time_range.parse_shown(QueryDict(query), LONE)
    assert (shown.name, shown.live, shown.query, shown.refused) == (name, live, again, "")
    assert shown.ends == (shown.span.start, None if live else shown.span.end)
    assert time_range.parse_shown(QueryDict(again), LONE).span == shown.span


@pytest.mark.usefixtures("_at_noon")
def test_a_page_that_is_refused_shows_the_last_hour_live() -> None:
    shown = time_range.parse_shown(QueryDict("from=soon&to=2026-06-30T12:00:00Z"), LONE)
    assert (shown.name, shown.live, shown.span) == ("1h", True, Span(NOON - timedelta(hours=1), NOON))
    assert shown.refused.startswith("“from” is no time.")


@pytest.mark.usefixtures("_at_noon")
def test_all_of_a_device_from_ahead_of_the_clock_is_nothing_yet() -> None:
    ahead = Device(registered_at=NOON + 40 * DAY)
    assert time_range.parse_span(QueryDict("range=all"), ahead) == Span(NOON, NOON)
