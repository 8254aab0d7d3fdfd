"""Reports of several months: the same answers, whether they lie in one table or in one a month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from devices.models import Assignment, Device
from telemetry.history import series
from telemetry.ingest import partitions
from telemetry.models import Report
from tests.telemetry.reports import now, save, timed

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def place_long_ago(device: Device) -> None:
    Assignment.objects.filter(device=device).update(opened_at=now() - 2000 * DAY)


def test_what_lies_months_apart_is_stored_merged_read_and_deleted(world: World) -> None:
    place_long_ago(world.placed)
    at = now()
    moments = [at - 400 * DAY, at - 29 * DAY, at, at + 23 * DAY / 24, at + 100 * DAY, at + 1000 * DAY]
    batch = [timed(world.placed, moment, rpm=n) for n, moment in enumerate(moments)]
    assert save(*batch, timed(world.foreign, at, rpm=9)) != []
    assert save(*batch) == []
    assert len(save(*(timed(world.placed, moment, load=1) for moment in moments))) == 6
    mine = Report.objects.of(world.placed).order_by("at")
    assert [(row.at, row.data) for row in mine] == [(moment, {"rpm": n, "load": 1}) for n, moment in enumerate(moments)]
    assert list(mine.reverse().values_list("at", flat=True)[:2]) == moments[:3:-1]
    span = series.Span(at - 30 * DAY, at + DAY)
    assert series.read_series(world.placed, ["rpm"], span).values == {"rpm": [1, 2, 3]}
    assert mine.filter(at__lt=at).delete()[0] == 2
    assert len(save(*(timed(world.waiting, moment, rpm=n) for n, moment in enumerate(moments)))) == 6
    world.waiting.delete()
    assert Report.objects.count() == 5


@pytest.mark.parametrize("moment", [datetime(2031, 3, 1, tzinfo=UTC), datetime(2031, 2, 28, 23, 59, 59, 999000, UTC)])
def test_the_ends_of_a_month_belong_somewhere(world: World, moment: datetime) -> None:
    assert len(save(timed(world.placed, moment, rpm=1))) == 1
    assert Report.objects.get().at == moment


@pytest.mark.parametrize(
    ("at", "later", "begins"),
    [
        (datetime(2026, 11, 29, 23, tzinfo=UTC), 0, datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 11, 29, tzinfo=UTC), 2, datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), 1, datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2027, 1, 1, 1, tzinfo=UTC).astimezone(), 0, datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_months_begin_in_utc(at: datetime, later: int, begins: datetime) -> None:
    assert partitions.start_month(at, later) == begins
