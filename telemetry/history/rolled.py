"""Reading numbers of a long time: roll-ups where they stand, reports elsewhere, joined to the buckets of a chart."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F, Q

from telemetry.history import levels, rollups, timing
from telemetry.history.functions import Number
from telemetry.ingest.writer import EPOCH, count_milliseconds
from telemetry.models import RollUp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from devices.models import Device
    from telemetry.history.levels import Piece
    from telemetry.history.rollups import Bucket, Sums
    from telemetry.history.timing import Timing
    from telemetry.models import ReportQuerySet


class Read(NamedTuple):
    times: list[int]  # starts of buckets, in milliseconds since the epoch
    sums: dict[str, list[Sums | None]]  # by attribute, aligned
    timings: dict[str, Timing | None]
    most_reports: int  # of one attribute


Part = tuple[int, "Bucket"]
"""When it starts, in milliseconds since the epoch, and what it comes to."""


def read_buckets(
    scope: ReportQuerySet,
    names: Sequence[str],
    between: tuple[datetime, datetime],
    device: Device,
    *,
    level: int,
    seconds: int,
) -> Read | None:
    """Return buckets of so many seconds, of roll-ups of a level; None where too few stand."""
    standing = levels.read_standing(device)
    # Roll-ups have reports by milliseconds: a start between two of these leaves out the earlier.
    start, end = (-(-(at - EPOCH) // levels.MILLISECOND) for at in between)
    pieces = levels.plan(standing, start, end, level) if standing else None
    if pieces is None:
        return None
    summed = _read_summed(pieces, names, device)
    parts: list[Part] = []
    for piece in pieces:
        parts.extend(summed[piece] if piece.seconds else _read_reports(scope, names, piece, seconds))
    return _join(parts, names, seconds * 1000)


def _read_summed(pieces: Sequence[Piece], names: Sequence[str], device: Device) -> dict[Piece, list[Part]]:
    """Return what stands for each of the pieces, in one query."""
    wanted = Q(pk__in=[])
    for piece in pieces:
        if piece.seconds:
            wanted |= Q(seconds=piece.seconds, start__gte=piece.start // 1000, start__lt=piece.end // 1000)
    rows = RollUp.objects.of(device).filter(wanted).order_by("seconds", "start")
    found = list(rows.values_list("seconds", "start", "data"))
    buckets = rollups.read_all([data for *_, data in found], names)
    parts: dict[Piece, list[Part]] = defaultdict(list)
    by_level = {level: [piece for piece in pieces if piece.seconds == level] for level in levels.LEVELS}
    for (level, start, _), bucket in zip(found, buckets, strict=True):
        of = by_level[level]
        while of[0].end <= start * 1000:
            of.pop(0)
        if bucket.sums:
            parts[of[0]].append((start * 1000, bucket))
    return parts


def _read_reports(scope: ReportQuerySet, names: Sequence[str], piece: Piece, seconds: int) -> Iterator[Part]:
    """Yield what the reports of a piece come to, by bucket."""
    start, end = (EPOCH + at * levels.MILLISECOND for at in (piece.start, piece.end))
    within = scope.filter(at__gte=start, at__lt=end, data__has_any_keys=list(names)).order_by("at")
    rows = within.values_list("at", *(Number(F("data"), name) for name in names))
    points = [(count_milliseconds(at), dict(zip(names, numbers, strict=True))) for at, *numbers in rows]
    for start_ms, of in groupby(points, key=lambda point: point[0] // (seconds * 1000) * seconds * 1000):
        if bucket := rollups.sum_reports(of):
            yield start_ms, bucket


def _join(parts: Sequence[Part], names: Sequence[str], length: int) -> Read:
    times: list[int] = []
    sums: dict[str, list[Sums | None]] = {name: [] for name in names}
    for start, of in groupby(parts, key=lambda part: part[0] // length * length):
        times.append(start)
        buckets = [bucket for _, bucket in of]
        for name in names:
            told = [bucket.sums[name][1] for bucket in buckets if name in bucket.sums]
            sums[name].append(rollups.join_sums(told) if told else None)
    timings = _join_timings([bucket for _, bucket in parts], names)
    return Read(times, sums, timings, max((of.reports for of in timings.values() if of), default=0))


def _join_timings(buckets: Sequence[Bucket], names: Sequence[str]) -> dict[str, Timing | None]:
    """Return that of each attribute; those that always come together have the same one."""
    known: dict[tuple[tuple[int, int], ...], Timing] = {}
    timings: dict[str, Timing | None] = {}
    for name in names:
        of = tuple((n, bucket.sums[name][0]) for n, bucket in enumerate(buckets) if name in bucket.sums)
        if of and of not in known:
            known[of] = timing.join([buckets[n].timings[each] for n, each in of])
        timings[name] = known[of] if of else None
    return timings
