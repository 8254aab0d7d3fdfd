"""What a roll-up holds of a bucket of time, how several become one, and how it is written down."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetry.history.timing import Timing, join, time_reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HOUR, DAY = 3600, 86_400
SCALE = 2.0**-532
"""What a mean's numbers are multiplied by, exactly: sums of their squares, which databases keep, then stay finite."""


class Sums(NamedTuple):
    mean: float
    low: float
    high: float
    last: float
    reports: int


class Bucket(NamedTuple):
    """Hold, of each attribute with numbers, what they come to and when they came: the number of one of `timings`, since
    most attributes come together."""

    timings: list[Timing]
    sums: dict[str, tuple[int, Sums]]


def sum_reports(reports: Iterable[tuple[int, Mapping[str, Any]]]) -> Bucket | None:
    """Return the bucket of reports, each its milliseconds since the epoch and its values, in the order of time; None
    for no numbers."""
    columns: dict[str, tuple[list[int], list[float]]] = {}
    for at, data in reports:
        for name, value in data.items():
            if type(value) is float or type(value) is int:
                column = columns.get(name)
                if column is None:
                    column = columns[name] = [], []
                column[0].append(at)
                column[1].append(float(value))
    return _build({name: (times, _sum(numbers)) for name, (times, numbers) in columns.items()}) if columns else None


def _build(columns: Mapping[str, tuple[list[int], Sums]]) -> Bucket:
    found: dict[tuple[int, ...], int] = {}
    sums = {name: (found.setdefault(tuple(times), len(found)), of) for name, (times, of) in sorted(columns.items())}
    return Bucket([time_reports(times) for times in found], sums)


def _sum(numbers: Sequence[float]) -> Sums:
    return Sums(compute_mean(numbers), min(numbers), max(numbers), numbers[-1], len(numbers))


def compute_mean(numbers: Sequence[float]) -> float:
    """Return the mean, of whichever size the numbers are: their sum may be past the greatest number."""
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:
        return _unscale(math.fsum(number * SCALE for number in numbers) / len(numbers))


def _unscale(scaled: float) -> float:
    mean = scaled / SCALE
    return math.copysign(sys.float_info.max, mean) if math.isinf(mean) else mean


def join_sums(sums: Sequence[Sums]) -> Sums:
    """Return what several come to that follow each other, at least one."""
    if len(sums) == 1:
        return sums[0]
    reports = sum(each.reports for each in sums)
    mean = _weigh([each.mean * each.reports for each in sums]) / reports
    if not math.isfinite(mean):
        mean = _unscale(math.fsum(each.mean * SCALE * each.reports for each in sums) / reports)
    return Sums(mean, min(each.low for each in sums), max(each.high for each in sums), sums[-1].last, reports)


def _weigh(numbers: Sequence[float]) -> float:
    """Return their sum, or what is not finite where it is past the greatest number."""
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return math.inf


def join_buckets(buckets: Sequence[Bucket]) -> Bucket:
    """Return the bucket of several that follow each other."""
    parts: dict[str, list[tuple[int, int]]] = {}
    for n, bucket in enumerate(buckets):
        for name, (timing, _) in bucket.sums.items():
            parts.setdefault(name, []).append((n, timing))
    found: dict[tuple[tuple[int, int], ...], int] = {}
    sums = {
        name: (found.setdefault(tuple(of), len(found)), join_sums([buckets[n].sums[name][1] for n, _ in of]))
        for name, of in sorted(parts.items())
    }
    return Bucket([join([buckets[n].timings[timing] for n, timing in of]) for of in found], sums)


def write(bucket: Bucket) -> str:
    """Return the text of a bucket: its timings, then by attribute the number of the timing and the sums."""
    sums = {name: [timing, *_shorten(of)] for name, (timing, of) in bucket.sums.items()}
    return json.dumps([bucket.timings, sums], separators=(",", ":"), ensure_ascii=False)


def _shorten(sums: Sums) -> list[float]:
    """Return a single number alone, else mean, low, high and last; of the mean twelve digits."""
    return [sums.last] if sums.reports == 1 else [float(f"{sums.mean:.12g}"), *sums[1:4]]


def read_all(texts: Iterable[str], names: Sequence[str] | None = None) -> list[Bucket]:
    """Return the buckets of the texts, with the attributes of these names or all."""
    made: list[Any] = json.loads(f"[{','.join(texts)}]")
    return [_read(timings, sums, names) for timings, sums in made]


def _read(timings: list[Any], sums: dict[str, Any], names: Sequence[str] | None) -> Bucket:
    wanted = sums if names is None else [name for name in names if name in sums]
    read = {}
    for name in wanted:
        timing, *of = sums[name]
        mean, low, high, last = of if len(of) > 1 else 4 * of
        read[name] = timing, Sums(mean, low, high, last, timings[timing][2])
    made = [Timing(*timing) for timing in timings]
    return Bucket([each._replace(found=[(start, end) for start, end in each.found]) for each in made], read)
