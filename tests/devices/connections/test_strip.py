"""What a reader may know of a stretch, and how the strip draws it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devices.connections.stretches import LEAST, WIDTH, Period, Told, draw_strip, tell
from devices.models import ConnectedStretch

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(seconds=WIDTH)  # a second is as wide as a part of the strip


def at(seconds: float | None) -> Any:
    return None if seconds is None else START + timedelta(seconds=seconds)


def stretch(start: float, end: float | None, **fields: Any) -> ConnectedStretch:
    reason = "" if end is None else "closed"
    return ConnectedStretch(started_at=at(start), ended_at=at(end), **{"reason": reason} | fields)


EVER: list[Period] = [Period(None, None)]


@pytest.mark.parametrize(
    ("row", "periods", "told"),
    [
        (stretch(100, 300), EVER, (100, 300, "closed", False)),
        (stretch(100, None), EVER, (100, None, "", False)),
        (stretch(100, 300), [Period(at(200), None)], (200, 300, "closed", False)),
        (stretch(100, 300), [Period(at(100), at(300))], (100, 300, "closed", False)),
        (stretch(100, 300), [Period(at(0), at(200))], (100, 200, "", True)),  # why it ended is another's to know
        (stretch(100, None), [Period(at(0), at(200))], (100, 200, "", True)),
        (stretch(100, 300), [Period(at(150), at(200))], (150, 200, "", True)),
        (stretch(100, 300), [Period(at(0), at(150)), Period(at(250), None)], (250, 300, "closed", False)),
        (stretch(100, 200), [Period(at(0), at(150)), Period(at(200), None)], (100, 150, "", True)),
    ],
)
def test_a_stretch_is_told_as_far_as_it_lies_in_ones_own_time(
    row: ConnectedStretch, periods: list[Period], told: tuple[float, float | None, str, bool]
) -> None:
    seen = tell(row, periods, NOW)
    assert (seen.started_at, seen.ended_at, seen.reason, seen.goes_on) == (at(told[0]), at(told[1]), *told[2:])
    assert seen.until == (at(told[1]) or NOW)
    assert seen.lasted == seen.until - seen.started_at


@pytest.mark.parametrize(
    ("periods", "known"),
    [
        (EVER, True),
        ([Period(at(100), None)], True),
        ([Period(at(101), None)], False),
        ([Period(None, at(200))], False),
    ],
)
def test_how_often_it_was_away_is_told_of_a_stretch_that_is_ones_own_whole(periods: list[Period], known: bool) -> None:
    row = stretch(100, None, flaps=3, away=timedelta(seconds=9), reason="lost")
    seen = tell(row, periods, NOW)
    assert (seen.flaps, seen.away) == ((3, timedelta(seconds=9)) if known else (None, None))
    assert seen.words == ("The connection broke" if known else "")


def seen(start: float, end: float | None, away: float | None = 0, flaps: int = 0) -> Told:
    lost = None if away is None else timedelta(seconds=away)
    return Told(at(start), at(end), "", flaps, lost, by_broker=True, until=at(end) or NOW, goes_on=False)


@pytest.mark.parametrize(
    ("told", "bars", "known", "share"),
    [
        ([], [], WIDTH, None),
        ([seen(700, None), seen(200, 500)], [(700, 300), (200, 300)], 200, 75),
        ([seen(700, None), seen(200, 500, away=150)], [(700, 300), (200, 300)], 200, 56),
        ([seen(-500, 250)], [(0, 250)], 0, 25),
        ([seen(-500, None)], [(0, WIDTH)], 0, 100),
        ([seen(-500, -100)], [], 0, 0),  # known, and not connected since
        ([seen(400, 401)], [(400, LEAST)], 400, 0),
        ([seen(999.5, None)], [(WIDTH - LEAST, LEAST)], 999.5, 100),
        ([seen(500, None, away=9999)], [(500, 500)], 500, 0),
        ([seen(500, None, away=None)], [(500, 500)], 500, 100),
        ([seen(WIDTH, None)], [(WIDTH - LEAST, LEAST)], WIDTH, None),
    ],
)
def test_the_strip_is_drawn_to_scale_from_where_something_is_known(
    told: list[Told], bars: list[tuple[float, float]], known: float, share: int | None
) -> None:
    strip = draw_strip(told, START, NOW)
    assert [(bar.x, bar.width) for bar in strip.bars] == bars
    assert (strip.known, strip.share) == (known, share)


def test_who_comes_and_goes_is_drawn_otherwise() -> None:
    assert [bar.flapping for bar in draw_strip([seen(700, None, flaps=2), seen(0, 500)], START, NOW).bars] == [
        True,
        False,
    ]
