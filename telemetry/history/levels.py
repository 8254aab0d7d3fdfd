"""Which roll-ups, and which reports, a range is read from: roll-ups where they stand, reports elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Value

from lib.prepared import prepared
from telemetry.history.rollups import DAY, HOUR
from telemetry.models import LateReport, RollUpMark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import QuerySet

    from devices.models import Device

LEVELS = (DAY, HOUR)
LEAST = 180  # buckets of a level that a range has, for it to be read from it
MOST_PIECES = 60
LATE = -1
MILLISECOND = timedelta(milliseconds=1)


class Piece(NamedTuple):
    """Hold a stretch of time that is read at once: from roll-ups of so many seconds; 0: from reports."""

    seconds: int
    start: int  # milliseconds since the epoch
    end: int


class Standing(NamedTuple):
    """Hold where roll-ups of a device stand, in seconds since the epoch."""

    since: int
    rolled: int
    late: list[int]  # hours, rising, for which none do


def read_standing(device: Device) -> Standing | None:
    told = _select_standing(device.pk)
    marks = [mark for mark in told if mark[1] != LATE]
    if not marks:
        return None
    since, rolled = marks[0]
    return Standing(since, rolled, sorted(hour for hour, of in told if of == LATE and hour < rolled))


@prepared
def _select_standing(device: int) -> QuerySet[RollUpMark, tuple[int, int]]:
    """Return the mark's `since` and `rolled`, and with LATE each hour that was noted."""
    late = LateReport.objects.filter(device=device).order_by().annotate(of=Value(LATE)).values_list("hour", "of")
    return RollUpMark.objects.values_list("since", "rolled").union(late)


def choose_bucket(seconds: float, width: int) -> tuple[int, int] | None:
    """Return the level, and the bucket of at least `width` seconds of it, for a range of so many seconds; None where no
    level has enough of them."""
    for level in LEVELS:
        if seconds >= LEAST * level:
            return level, -(-width // level) * level
    return None


def plan(standing: Standing, start: int, end: int, level: int) -> list[Piece] | None:
    """Return the pieces of a range (milliseconds since the epoch), in the order of time, for buckets of the level or
    of several; None where more than a quarter would be read from reports."""
    pieces = list(_join(_plan(standing, start, end, [each for each in LEVELS if each <= level])))
    unrolled = sum(piece.end - piece.start for piece in pieces if not piece.seconds)
    return pieces if 4 * unrolled <= end - start and len(pieces) <= MOST_PIECES else None


def _plan(standing: Standing, start: int, end: int, levels: Sequence[int]) -> Iterator[Piece]:
    if start >= end:
        return
    if not levels:
        yield Piece(0, start, end)
        return
    (level, *finer), length = levels, levels[0] * 1000
    begin = -(-max(start, standing.since * 1000) // length) * length
    until = min(end, standing.rolled * 1000) // length * length
    if begin >= until:
        yield from _plan(standing, start, end, finer)
        return
    yield from _plan(standing, start, begin, finer)
    late = {hour // level * length for hour in standing.late if begin <= hour * 1000 < until}
    at = begin
    for block in sorted(late):
        yield from _plan_whole(level, at, block)
        yield from _plan(standing, block, block + length, finer)
        at = block + length
    yield from _plan_whole(level, at, until)
    yield from _plan(standing, until, end, finer)


def _plan_whole(level: int, start: int, end: int) -> Iterator[Piece]:
    if start < end:
        yield Piece(level, start, end)


def _join(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Join those of one kind that follow each other."""
    last: Piece | None = None
    for piece in pieces:
        if last is not None and last.seconds == piece.seconds and last.end == piece.start:
            last = last._replace(end=piece.end)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
