"""Reading of a long time what was summed: roll-ups and packed days where they stand, reports elsewhere; joined to the
buckets of a chart."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetry.history import levels, packed_sums, rollups, timing
from telemetry.history.functions import Told, find_told
from telemetry.history.levels import Piece
from telemetry.history.reports import join_columns, read_columns
from telemetry.history.rollups import DAY
from telemetry.history.stored import read_stored
from telemetry.ingest.times import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from django.db.models import F, Func

    from devices.models import Device
    from telemetry.history.rollups import Bucket, Columns, Sums
    from telemetry.history.stored import Stored
    from telemetry.history.timing import Timing

AT_ONCE = DAY  # seconds of reports that are read with what was summed: more are read bit by bit


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
    lying = sum(piece.end - piece.start for piece in pieces if not piece.seconds)
    at_once = [piece for piece in pieces if piece.seconds or lying <= AT_ONCE * 1000]
    stored = dict(zip(at_once, read_stored(device, at_once, names), strict=True))
    parts: list[Part] = []
    for piece in pieces:
        if piece.seconds:
            parts.extend(_list_summed(piece, stored[piece], names))
        else:
            if piece in stored:
                columns = _join_columns(piece, stored[piece], names, find)
            else:
                columns = read_columns(device, names, _find_ends(piece), tell, find)
            told = packed_sums.sum_by(columns, seconds * 1000)
            parts.extend(Part(at, 0, bucket) for at, bucket in told)
    return Read(parts, between)


def _find_ends(piece: Piece) -> tuple[datetime, datetime]:
    return EPOCH + piece.start * levels.MILLISECOND, EPOCH + piece.end * levels.MILLISECOND


def _join_columns(piece: Piece, stored: Stored, names: Sequence[str], find: Callable[[Any], Any]) -> Columns:
    packed = [(of.day, of.body or b"") for of in sorted(stored.packed)]
    return join_columns(sorted(stored.reports), packed, names, (piece.start, piece.end), find)


def _list_summed(piece: Piece, stored: Stored, names: Sequence[str]) -> Iterator[Part]:
    """Yield what stands of it, in the order of time: of packed days where there are, else of roll-ups."""
    buckets = rollups.read_all([text for _, text in stored.rollups], names)
    summed = {start * 1000: bucket for (start, _), bucket in zip(stored.rollups, buckets, strict=True)}
    if piece.seconds == DAY:
        summed.update((day * DAY * 1000, bucket) for day, bucket in packed_sums.read_days(stored.packed, names))
    else:
        for of in stored.packed:
            summed.update(packed_sums.read_hours(*of, names))
    for start, bucket in sorted(summed.items()):
        if piece.start <= start < piece.end and (bucket.sums or bucket.states):
            yield Part(start, piece.seconds, bucket)


def join_parts(parts: Sequence[Part], names: Sequence[str], length: int) -> Joined:
    """Return the numbers of these attributes by buckets of so many milliseconds."""
    times: list[int] = []
    sums: dict[str, list[Sums | None]] = {name: [] for name in names}
    for start, of in groupby(parts, key=lambda part: part.start // length * length):
        buckets = [part.bucket for part in of]
        if not any(bucket.sums for bucket in buckets):
            continue
        times.append(start)
        for name, column in sums.items():
            told = [bucket.sums[name][1] for bucket in buckets if name in bucket.sums]
            column.append(rollups.join_sums(told) if told else None)
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
        of = tuple([(n, each[name][0]) for n, each in enumerate(told) if name in each])
        if of and of not in known:
            known[of] = timing.join([buckets[n].timings[each] for n, each in of])
        timings[name] = known[of] if of else None
    return timings


def read_few(device: Device, names: Sequence[str], read: Read) -> Columns:
    """Return the numbers themselves, where they are few: as roll-ups hold them, else of the reports of their time."""
    columns: Columns = {name: ([], []) for name in names}
    unheld = {n: _find_reports(part) for n, part in enumerate(read.parts) if not _holds_all(part)}
    stored = dict(zip(unheld, read_stored(device, list(unheld.values()), names) if unheld else [], strict=True))
    for n, part in enumerate(read.parts):
        of = part.bucket
        if n in unheld:
            found = _join_columns(unheld[n], stored[n], list(of.sums), find_told)
        else:
            found = {
                name: (timing.list_times(of.timings[when]), sums.numbers) for name, (when, sums) in of.sums.items()
            }
        for name, (times, numbers) in found.items():
            columns[name][0].extend(times)
            columns[name][1].extend(numbers)
    return columns


def _holds_all(part: Part) -> bool:
    return all(sums.numbers for _, sums in part.bucket.sums.values())


def _find_reports(part: Part) -> Piece:
    """Return the time of its numbers."""
    timings = [part.bucket.timings[when] for when, _ in part.bucket.sums.values()]
    return Piece(0, min(when.first for when in timings), max(when.last for when in timings) + 1)
