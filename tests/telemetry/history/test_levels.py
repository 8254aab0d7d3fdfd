"""From which roll-ups a range is read, and where from reports: no stretch twice, and none left out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.history import levels
from telemetry.history.levels import MOST_PIECES, Piece, Standing, choose_bucket, plan
from telemetry.history.rollups import DAY, HOUR
from telemetry.models import LateReport, RollUpMark

if TYPE_CHECKING:
    from tests.conftest import World

H, D = HOUR * 1000, DAY * 1000  # in milliseconds
STANDS = Standing(since=0, rolled=100 * DAY, late=[])


@pytest.mark.parametrize(
    ("seconds", "width", "bucket"),
    [
        (180 * HOUR - 1, 60, None),
        (180 * HOUR, 60, (HOUR, HOUR)),
        (180 * HOUR, HOUR, (HOUR, HOUR)),
        (180 * HOUR, HOUR + 1, (HOUR, 2 * HOUR)),
        (180 * DAY - 1, 5 * HOUR, (HOUR, 5 * HOUR)),
        (180 * DAY, 5 * HOUR, (DAY, DAY)),
        (900 * DAY, 2 * DAY + 1, (DAY, 3 * DAY)),
    ],
)
def test_a_level_is_read_where_the_range_has_enough_of_it(
    seconds: float, width: int, bucket: tuple[int, int] | None
) -> None:
    assert choose_bucket(seconds, width) == bucket


def test_whole_days_are_read_from_days_and_the_rest_of_them_from_hours_and_reports() -> None:
    begin, end = 2 * D - 2 * H - 5, 4 * D + H + 7
    assert plan(STANDS, begin, end, DAY) == [
        Piece(0, begin, 2 * D - 2 * H),
        Piece(HOUR, 2 * D - 2 * H, 2 * D),
        Piece(DAY, 2 * D, 4 * D),
        Piece(HOUR, 4 * D, 4 * D + H),
        Piece(0, 4 * D + H, end),
    ]


def test_for_buckets_of_hours_days_are_not_read() -> None:
    assert plan(STANDS, D, 3 * D, HOUR) == [Piece(HOUR, D, 3 * D)]


def test_before_the_first_and_after_the_last_roll_up_reports_are_read() -> None:
    standing = Standing(since=DAY + 1, rolled=3 * DAY + HOUR, late=[])
    assert plan(standing, D - H, 3 * D + 2 * H, DAY) == [
        Piece(0, D - H, D + H),
        Piece(HOUR, D + H, 2 * D),
        Piece(DAY, 2 * D, 3 * D),
        Piece(HOUR, 3 * D, 3 * D + H),
        Piece(0, 3 * D + H, 3 * D + 2 * H),
    ]


def test_the_hour_of_late_reports_is_read_from_them_and_its_day_from_hours() -> None:
    standing = STANDS._replace(late=[2 * DAY + 5 * HOUR])
    assert plan(standing, D, 4 * D, DAY) == [
        Piece(DAY, D, 2 * D),
        Piece(HOUR, 2 * D, 2 * D + 5 * H),
        Piece(0, 2 * D + 5 * H, 2 * D + 6 * H),
        Piece(HOUR, 2 * D + 6 * H, 3 * D),
        Piece(DAY, 3 * D, 4 * D),
    ]


def test_late_reports_outside_of_the_range_change_nothing() -> None:
    assert plan(STANDS._replace(late=[DAY - HOUR, 4 * DAY]), D, 4 * D, DAY) == [Piece(DAY, D, 4 * D)]


def test_late_reports_of_the_first_and_of_the_last_hour_are_read() -> None:
    standing = STANDS._replace(late=[DAY, 4 * DAY - HOUR])
    assert plan(standing, D, 4 * D, HOUR) == [
        Piece(0, D, D + H),
        Piece(HOUR, D + H, 4 * D - H),
        Piece(0, 4 * D - H, 4 * D),
    ]


@pytest.mark.parametrize(("rolled", "is_read"), [(75, True), (74, False)], ids=["a quarter", "more"])
@pytest.mark.parametrize("start", [0, 400 * H])
def test_where_more_than_a_quarter_would_be_reports_all_are(start: int, rolled: int, is_read: bool) -> None:
    until, end = start + rolled * H, start + 100 * H
    found = plan(Standing(0, until // 1000, []), start, end, HOUR)
    assert found == ([Piece(HOUR, start, until), Piece(0, until, end)] if is_read else None)


@pytest.mark.parametrize(
    ("start", "late", "pieces"), [(0, 29, 59), (H // 2, 29, 60), (0, 30, None), (H // 2, 30, None)]
)
def test_too_many_pieces_are_not_read_one_by_one(start: int, late: int, pieces: int | None) -> None:
    hours = [2 * n * HOUR for n in range(1, late + 1)]
    found = plan(STANDS._replace(late=hours), start, 1000 * H, HOUR)
    assert (len(found) if found else None) == pieces
    assert MOST_PIECES == 60


def test_reports_that_came_late_stand_in_no_roll_up_each_hour_once(world: World) -> None:
    assert levels.read_standing(world.placed) is None
    RollUpMark.objects.create(pk=1, since=DAY, rolled=9 * DAY, until=9 * DAY)
    assert levels.read_standing(world.placed) == Standing(DAY, 9 * DAY, [])
    told = [(world.placed, 8 * DAY), (world.placed, 2 * DAY), (world.placed, 9 * DAY), (world.foreign, 3 * DAY)]
    LateReport.objects.bulk_create(LateReport(device=device, hour=hour) for device, hour in [*told, *told])
    assert levels.read_standing(world.placed) == Standing(DAY, 9 * DAY, [2 * DAY, 8 * DAY])


hours = st.integers(0, 24 * 12)


@given(since=hours, rolled=hours, late=st.sets(hours, max_size=6), start=hours, length=hours, odd=st.integers(0, H - 1))
@pytest.mark.parametrize("level", [HOUR, DAY])
def test_the_pieces_are_the_range_once_and_no_roll_up_is_read_that_does_not_stand(
    level: int, since: int, rolled: int, late: set[int], start: int, length: int, odd: int
) -> None:
    standing = Standing(since * HOUR, rolled * HOUR, sorted(hour * HOUR for hour in late if hour < rolled))
    begin, end = start * H + odd, (start + length) * H + odd // 2
    pieces = plan(standing, begin, end, level)
    if pieces is None or not pieces:
        return
    assert (pieces[0].start, pieces[-1].end) == (begin, end)
    assert all(one.end == other.start for one, other in pairwise(pieces))
    for piece in pieces:
        if piece.seconds:
            assert piece.start % (piece.seconds * 1000) == piece.end % (piece.seconds * 1000) == 0
            assert standing.since * 1000 <= piece.start < piece.end <= standing.rolled * 1000
            assert not [hour for hour in standing.late if piece.start <= hour * 1000 < piece.end]
            assert piece.seconds <= level
