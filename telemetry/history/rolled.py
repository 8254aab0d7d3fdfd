"""Reading of a long time what was summed: roll-ups and packed days where they stand, reports elsewhere; joined to the
buckets of a chart."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, F, Q, When

from telemetry.history import levels, packed_sums, rollups, timing
from telemetry.history.functions import Told, find_told
from telemetry.history.reports import read_columns
from telemetry.history.rollups import DAY
from telemetry.ingest.writer import EPOCH
from telemetry.models import PackedDay, RollUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from django.db.models import Func

    from devices.models import Device
    from telemetry.history.levels import Piece
    from telemetry.history.rollups import Bucket, Columns, Sums
    from telemetry.history.timing import Timing


class Part(NamedTuple):
    start: int  # in milliseconds since the epoch
    seconds: int  # of what was summed; 0: of reports, in a bucket of the chart
    bucket: Bucket


class Read(NamedTuple):
    parts: list[Part]
    between: tuple[datetime, datetime]


class Joined(NamedTuple):
    times: list[int]  # starts of buckets, in milliseconds since the epoch
    sums: dict[str, list[Sums | None]]  # by attribute, aligned
    timings: dict[str, Timing | None]
    most_reports: int  # of one attribute


def read_parts(
    device: Device,
    names: Sequence[str],
    between: tuple[datetime, datetime],
    *,
    level: int,
    seconds: int,
    tell: Callable[[F, str], Func] = Told,
    find: Callable[[Any], Any] = find_told,
) -> Read | None:
    """Return what a device reported, in the order of time, of roll-ups of a level, and where none stand of reports, in
    buckets of so many seconds, as `read_columns` takes `tell` and `find`; None where too few stand."""
    standing = levels.read_standing(device)
    # Roll-ups have reports by milliseconds: a start between two of these leaves out the earlier.
    start, end = (-(-(at - EPOCH) // levels.MILLISECOND) for at in between)
    pieces = levels.plan(standing, start, end, level) if standing else None
    if pieces is None:
        return None
    summed = _read_summed(pieces, names, device)
    parts: list[Part] = []
    for piece in pieces:
        if piece.seconds:
            parts.extend(summed[piece])
        else:
            columns = read_columns(device, names, _find_ends(piece), tell, find)
            told = packed_sums.sum_by(columns, seconds * 1000)
            parts.extend(Part(at, 0, bucket) for at, bucket in told)
    return Read(parts, between)


def _find_ends(piece: Piece) -> tuple[datetime, datetime]:
    return EPOCH + piece.start * levels.MILLISECOND, EPOCH + piece.end * levels.MILLISECOND


def _read_summed(pieces: Sequence[Piece], names: Sequence[str], device: Device) -> dict[Piece, list[Part]]:
    """Return what stands for each of the pieces: of roll-ups in one query, then of packed days in one for each level.
    A day that is packed in between was read of roll-ups."""
    wanted = Q(pk__in=[])
    for piece in pieces:
        if piece.seconds:
            wanted |= Q(seconds=piece.seconds, start__gte=piece.start // 1000, start__lt=piece.end // 1000)
    rows = RollUp.objects.of(device).filter(wanted).order_by("seconds", "start")
    found = list(rows.values_list("seconds", "start", "data"))
    buckets = rollups.read_all([data for *_, data in found], names)
    summed = {(level, start * 1000): bucket for (level, start, _), bucket in zip(found, buckets, strict=True)}
    for level in levels.LEVELS:
        if of := [piece for piece in pieces if piece.seconds == level]:
            summed.update(((level, start), bucket) for start, bucket in _read_packed(of, level, names, device))
    parts: dict[Piece, list[Part]] = defaultdict(list)
    for level in levels.LEVELS:
        of = [piece for piece in pieces if piece.seconds == level]
        for start, bucket in sorted((at, bucket) for (each, at), bucket in summed.items() if each == level):
            while of and of[0].end <= start:
                of.pop(0)
            if of and of[0].start <= start and (bucket.sums or bucket.states):
                parts[of[0]].append(Part(start, level, bucket))
    return parts


def _read_packed(
    pieces: Sequence[Piece], level: int, names: Sequence[str], device: Device
) -> Iterator[tuple[int, Bucket]]:
    within = Q(pk__in=[])
    for piece in pieces:
        within |= Q(day__gte=packed_sums.find_day(piece.start), day__lte=packed_sums.find_day(piece.end - 1))
    summed = "sums" if level == DAY else "hours"
    body = Case(When(**{summed: None}, then=F("body")))
    rows = PackedDay.objects.of(device).filter(within).values_list("day", summed, body)
    for day, sums, of in rows:
        if level != DAY:
            yield from packed_sums.read_hours(day, sums, of, names)
        elif bucket := packed_sums.read_day(day, sums, of, names):
            yield day * DAY * 1000, bucket


def join_parts(parts: Sequence[Part], names: Sequence[str], length: int) -> Joined:
    """Return the numbers of these attributes by buckets of so many milliseconds."""
    times: list[int] = []
    sums: dict[str, list[Sums | None]] = {name: [] for name in names}
    for start, of in groupby(parts, key=lambda part: part.start // length * length):
        buckets = [part.bucket for part in of]
        if not any(bucket.sums for bucket in buckets):
            continue
        times.append(start)
        for name in names:
            told = [bucket.sums[name][1] for bucket in buckets if name in bucket.sums]
            sums[name].append(rollups.join_sums(told) if told else None)
    timings = join_timings(
        [part.bucket for part in parts], [bucket.sums for bucket in map(itemgetter(2), parts)], names
    )
    return Joined(times, sums, timings, max((of.reports for of in timings.values() if of), default=0))


def join_timings(
    buckets: Sequence[Bucket], told: Sequence[dict[str, tuple[int, Any]]], names: Sequence[str]
) -> dict[str, Timing | None]:
    """Return that of each attribute, of what is told of it in each bucket; those that always come together have the
    same one."""
    known: dict[tuple[tuple[int, int], ...], Timing] = {}
    timings: dict[str, Timing | None] = {}
    for name in names:
        of = tuple((n, each[name][0]) for n, each in enumerate(told) if name in each)
        if of and of not in known:
            known[of] = timing.join([buckets[n].timings[each] for n, each in of])
        timings[name] = known[of] if of else None
    return timings


def read_few(device: Device, names: Sequence[str], read: Read) -> Columns:
    """Return the numbers themselves, where they are few: as roll-ups hold them, else of the reports of their time."""
    columns: Columns = {name: ([], []) for name in names}
    for part in read.parts:
        of = part.bucket
        told = {name: (of.timings[n], sums) for name, (n, sums) in of.sums.items()}
        if all(sums.numbers for _, sums in told.values()):
            found = {name: (timing.list_times(when), sums.numbers) for name, (when, sums) in told.items()}
        else:
            first, last = min(when.first for when, _ in told.values()), max(when.last for when, _ in told.values())
            between = EPOCH + first * levels.MILLISECOND, EPOCH + (last + 1) * levels.MILLISECOND
            found = read_columns(device, list(told), between, Told, find_told)
        for name, (times, numbers) in found.items():
            columns[name][0].extend(times)
            columns[name][1].extend(numbers)
    return columns
