"""What packed days come to, and their hours: written down where that is much less than the reports themselves."""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from telemetry.history import rollups
from telemetry.history.rollups import DAY, HOUR
from telemetry.ingest import day_format
from telemetry.ingest.day_format import DAY_US

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from telemetry.history.rollups import Bucket, Columns

DAYS_PART, HOURS_PART = 2, 4
"""How many times as long the reports are, at least, as sums of the day, and of its hours, that are written down."""


class Written(NamedTuple):
    sums: bytes | None
    hours: bytes | None


def write(columns: Columns, length: int) -> Written:
    """Return the sums of a day's reports, which take so many bytes."""
    bucket = rollups.sum_columns(columns)
    if bucket is None:
        return Written(None, None)
    sums = zlib.compress(rollups.write(bucket).encode())
    if DAYS_PART * len(sums) > length:
        return Written(None, None)
    told = ",".join(f"[{start},{rollups.write(hour)}]" for start, hour in sum_by(columns, HOUR * 1000))
    hours = zlib.compress(f"[{told}]".encode())
    return Written(sums, hours if HOURS_PART * len(hours) <= length else None)


def read_days(
    packed: Collection[tuple[int, bytes | None, bytes | None]], names: Collection[str] | None = None
) -> Iterator[tuple[int, Bucket]]:
    """Yield days since the epoch, in no order, and the bucket of each: of its sums, else of its reports."""
    summed = [(day, zlib.decompress(sums).decode()) for day, sums, _ in packed if sums is not None]
    buckets = rollups.read_all([text for _, text in summed], names)
    yield from zip([day for day, _ in summed], buckets, strict=True)
    for day, sums, body in packed:
        if sums is None and (bucket := rollups.sum_columns(read_columns(day, body or b"", names))):
            yield day, bucket


def read_hours(
    day: int, hours: bytes | None, body: bytes | None, names: Collection[str] | None = None
) -> list[tuple[int, Bucket]]:
    """Return when each hour starts, in milliseconds since the epoch, and its bucket, of sums or reports likewise."""
    if hours is None:
        return list(sum_by(read_columns(day, body or b"", names), HOUR * 1000))
    return [(start, rollups.read(bucket, names)) for start, bucket in json.loads(zlib.decompress(hours))]


def read_columns(day: int, body: bytes, names: Collection[str] | None) -> Columns:
    found = day_format.decode_columns(day * DAY_US, body, names)
    return {name: (column.times, column.values) for name, column in found.items()}


def sum_by(columns: Columns, length: int) -> Iterator[tuple[int, Bucket]]:
    """Yield what reports come to by buckets of so many milliseconds."""
    for start, part in split(columns, length):
        if bucket := rollups.sum_columns(part):
            yield start, bucket


def split(columns: Columns, length: int) -> Iterator[tuple[int, Columns]]:
    """Yield reports by buckets of so many milliseconds: when each that has any starts, and what is in it."""
    together: dict[int, tuple[list[int], list[str]]] = {}  # attributes that have the very same times
    for name, (times, _) in columns.items():
        together.setdefault(id(times), (times, []))[1].append(name)
    at = dict.fromkeys(together, 0)
    while left := [times[at[of]] for of, (times, _) in together.items() if at[of] < len(times)]:
        start = min(left) // length * length
        part = {}
        for of, (times, names) in together.items():
            begin = at[of]
            if begin < len(times) and times[begin] < start + length:
                end = at[of] = bisect_left(times, start + length, begin)
                within = times[begin:end]
                part.update({name: (within, columns[name][1][begin:end]) for name in names})
        yield start, part


def find_day(at: int) -> int:
    """Return the day since the epoch of these milliseconds."""
    return at // (DAY * 1000)
