"""What a roll-up holds of a bucket of time, how several become one, and how it is written down."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetry.history import runs
from telemetry.history.runs import Runs
from telemetry.history.timing import Timing, join, time_reports

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

HOUR, DAY = 3600, 86_400
FEW = 4  # numbers that are held as they are: as many as stand for more of them
SCALE = 2.0**-532
"""What a mean's numbers are multiplied by, exactly: sums of their squares, which databases keep, then stay finite."""


class Sums(NamedTuple):
    mean: float
    low: float
    high: float
    last: float
    reports: int
    numbers: list[float] = []  # all of them, where they are few


class Bucket(NamedTuple):
    """Hold, of each attribute with numbers, what they come to, and of each with states its runs; and when they came:
    the number of one of `timings`, since most attributes come together."""

    timings: list[Timing]
    sums: dict[str, tuple[int, Sums]]
    states: dict[str, tuple[int, Runs]]


Columns = dict[str, tuple[list[int], list[Any]]]
"""By attribute the milliseconds since the epoch of its reports, rising, and the values."""


def sum_reports(reports: Iterable[tuple[int, Mapping[str, Any]]]) -> Bucket | None:
    """Return the bucket of reports, each its milliseconds since the epoch and its values, in the order of time; None
    for neither numbers nor states."""
    return sum_columns(make_columns(reports))


def make_columns(reports: Iterable[tuple[int, Mapping[str, Any]]]) -> Columns:
    columns: Columns = {}
    for at, data in reports:
        for name, value in data.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [], []
            column[0].append(at)
            column[1].append(value)
    return columns


def sum_columns(columns: Columns) -> Bucket | None:
    """Return the same of reports by attribute."""
    timings: dict[tuple[int, ...], int] = {}
    known: dict[int, int] = {}  # by identity: attributes that come together mostly have the same times

    def find_timing(times: list[int], told: list[int]) -> int:
        if told is not times:
            return timings.setdefault(tuple(told), len(timings))
        if id(times) not in known:
            known[id(times)] = timings.setdefault(tuple(times), len(timings))
        return known[id(times)]

    sums, states = {}, {}
    for name, (times, values) in sorted(columns.items()):
        kinds = set(map(type, values))
        if kinds & {int, float}:
            told, numbers = choose(times, values, find_number) if kinds - {float} else (times, values)
            sums[name] = find_timing(times, told), sum_numbers(numbers)
        if kinds & {str, bool}:
            told, found = choose(times, values, runs.find_state)
            states[name] = find_timing(times, told), runs.make_runs(zip(told, found, strict=True))
    return Bucket([time_reports(times) for times in timings], sums, states) if timings else None


def find_number(value: Any) -> float | None:
    return float(value) if type(value) is float or type(value) is int else None


def choose(times: list[int], values: list[Any], find: Callable[[Any], Any]) -> tuple[list[int], list[Any]]:
    """Return of which times something is found, and what."""
    found = [find(value) for value in values]
    if None not in found:
        return times, found
    told = [n for n, value in enumerate(found) if value is not None]
    return [times[n] for n in told], [found[n] for n in told]


def sum_numbers(numbers: Sequence[float]) -> Sums:
    if len(numbers) == 1:
        [number] = numbers
        return Sums(number, number, number, number, 1, [number])
    held = list(numbers) if len(numbers) <= FEW else []
    return Sums(compute_mean(numbers), min(numbers), max(numbers), numbers[-1], len(numbers), held)


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
    if reports <= FEW:
        return sum_numbers([number for each in sums for number in each.numbers])
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
    found: dict[tuple[tuple[int, int], ...], int] = {}

    def join_each(of: Sequence[Mapping[str, tuple[int, Any]]], join_parts: Callable[[list[Any]], Any]) -> Any:
        parts: dict[str, list[tuple[tuple[int, int], Any]]] = {}
        for n, told in enumerate(of):
            for name, (timing, part) in told.items():
                parts.setdefault(name, []).append(((n, timing), part))
        return {
            name: (found.setdefault(tuple(at for at, _ in held), len(found)), join_parts([part for _, part in held]))
            for name, held in sorted(parts.items())
        }

    sums = join_each([bucket.sums for bucket in buckets], join_sums)
    states = join_each([bucket.states for bucket in buckets], runs.join_runs)
    return Bucket([join([buckets[n].timings[timing] for n, timing in of]) for of in found], sums, states)


def write(bucket: Bucket) -> str:
    """Return the text of a bucket: its timings, then by attribute the number of the timing and the sums, then likewise
    the runs of states."""
    sums = {name: [timing, *_shorten(of)] for name, (timing, of) in bucket.sums.items()}
    states = {
        name: [timing, *runs.write(of, bucket.timings[timing].first)] for name, (timing, of) in bucket.states.items()
    }
    return json.dumps([bucket.timings, sums, states], separators=(",", ":"), ensure_ascii=False)


def _shorten(sums: Sums) -> list[Any]:
    """Return a few numbers as a list, else mean, low, high and last; of the mean twelve digits."""
    return [sums.numbers] if sums.reports <= FEW else [float(f"{sums.mean:.12g}"), *sums[1:4]]


def read_all(texts: Iterable[str], names: Collection[str] | None = None) -> list[Bucket]:
    """Return the buckets of the texts, with the attributes of these names or all."""
    made: list[Any] = json.loads(f"[{','.join(texts)}]")
    return [read(parts, names) for parts in made]


def read(parts: list[Any], names: Collection[str] | None = None) -> Bucket:
    """Return the bucket of what its text holds."""
    told, sums, states = parts
    timings = [
        Timing(first, last, reports, head, tail, [(start, end) for start, end in found])
        for first, last, reports, head, tail, found in told
    ]
    numbers = {}
    for name in sums if names is None else sums.keys() & names:
        timing, *of = sums[name]
        if len(of) == 1:
            numbers[name] = timing, sum_numbers(of[0])
        else:
            mean, low, high, last = of
            numbers[name] = timing, Sums(mean, low, high, last, timings[timing].reports)
    held = {}
    for name in states if names is None else states.keys() & names:
        timing, whole, of = states[name]
        held[name] = timing, runs.read(whole, of, timings[timing].first)
    return Bucket(timings, numbers, held)
