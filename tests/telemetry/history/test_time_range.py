"""Which time an address means, and what a page says of one that means none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from devices.models import Assignment
from telemetry.history import time_range
from tests.telemetry.reports import now

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

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
