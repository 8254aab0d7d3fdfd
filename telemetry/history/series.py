"""What devices reported over a time, thinned out by the database to what a chart can show."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Aggregate, Avg, Case, Count, F, Max, Min, Value, When
from django.db.models.functions import Abs
from django.db.models.lookups import GreaterThan, IsNull

from telemetry.history import gaps, levels, packed_sums, rolled, rollups, timing
from telemetry.history.functions import Epoch, Number, Told, find_told
from telemetry.history.reports import is_packed, read_columns
from telemetry.history.rollups import SCALE
from telemetry.ingest.times import count_milliseconds
from telemetry.models import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from devices.models import Device
    from telemetry.history.rollups import Columns, Sums
    from telemetry.history.timing import Timing
    from telemetry.models import ReportQuerySet

BUCKETS = 600
SMALLEST = 2.0**-500


@dataclass(frozen=True)
class Span:
    """Hold a span of time, from (inclusive) to (exclusive)."""

    start: datetime
    end: datetime

    @property
    def bucket(self) -> int:
        """Return a bucket's whole seconds, so that the span touches at most `BUCKETS` of them."""
        return max(1, -int(-(self.end - self.start).total_seconds() // (BUCKETS - 1)))


@dataclass(frozen=True)
class Series:
    """Hold columns, aligned. `bucket` is in seconds, 0 for points as reported: then low and high are empty."""

    bucket: int
    times: list[int]  # milliseconds since the epoch, of a bucket its start
    values: dict[str, list[float | None]]
    low: dict[str, list[float | None]]
    high: dict[str, list[float | None]]
    gaps: dict[str, list[gaps.Gap]]  # from when to when nothing was reported, in milliseconds
    longest_pause: dict[str, int]  # in milliseconds, after the last report: then it is a gap

    def as_json(self, span: Span) -> dict[str, object]:
        start, end = count_milliseconds(span.start), count_milliseconds(span.end)
        return {"from": start, "to": end, **asdict(self)}


def read_series(device: Device, names: Sequence[str], span: Span) -> Series:
    """Return numbers that a device reported in the span, in its current assignment: as they are if few, else in
    buckets. Of a long span what was summed before is taken."""
    if not names:
        return Series(0, [], {}, {}, {}, {}, {})
    return _read_rolled(device, names, span) or read_reported(device, names, span)


def read_reported(device: Device, names: Sequence[str], span: Span) -> Series:
    """Return the same without what was summed before."""
    read = None if is_packed(device, span.start, span.end) else _read_lying(Report.objects.of(device), names, span)
    if read is None or is_packed(device, span.start, span.end):
        between = span.start, span.end
        read = _read_columns(read_columns(device, names, between, Told, find_told), names, span.bucket)
    return read


def _read_lying(scope: ReportQuerySet, names: Sequence[str], span: Span) -> Series:
    within = scope.filter(at__gte=span.start, at__lt=span.end, data__has_any_keys=list(names))
    # Their numbers alone: beside them may stand texts of a quarter of a megabyte.
    numbers = [Number(F("data"), name) for name in names]
    points: list[Any] = list(within.order_by("at").values_list("at", *numbers)[: BUCKETS + 1])
    if len(points) > BUCKETS:
        return _read_buckets(within, names, span.bucket)
    values = {name: [point[n] for point in points] for n, name in enumerate(names, start=1)}
    return _build_points([count_milliseconds(point[0]) for point in points], values)


def _build_points(times: list[int], values: dict[str, list[float | None]]) -> Series:
    pauses = {
        name: gaps.list_pauses(at for at, value in zip(times, column, strict=True) if value is not None)
        for name, column in values.items()
    }
    return Series(0, times, values, {}, {}, *_judge(pauses))


def _read_columns(columns: Columns, names: Sequence[str], seconds: int) -> Series:
    times = sorted({at for told, _ in columns.values() for at in told})
    if len(times) <= BUCKETS:
        found = {name: dict(zip(*columns.get(name, ([], [])), strict=True)) for name in names}
        return _build_points(times, {name: [found[name].get(at) for at in times] for name in names})
    parts = [(start, rollups.sum_columns(part)) for start, part in packed_sums.split(columns, seconds * 1000)]
    told = {name: rollups.choose(*columns.get(name, ([], [])), find_told)[0] for name in names}
    timings = {name: timing.time_reports(of) if of else None for name, of in told.items()}
    sums = {
        name: [bucket.sums[name][1] if bucket and name in bucket.sums else None for _, bucket in parts]
        for name in names
    }
    return _build_series(seconds, [start for start, _ in parts], sums, timings)


def _read_rolled(device: Device, names: Sequence[str], span: Span) -> Series | None:
    """Return the same from roll-ups, in buckets of whole ones, or what they hold of few; None where they don't stand,
    or none is as long as a bucket."""
    chosen = levels.choose_bucket((span.end - span.start).total_seconds(), span.bucket)
    if chosen is None:
        return None
    level, seconds = chosen
    read = rolled.read_parts(device, names, (span.start, span.end), level=level, seconds=seconds)
    if read is None:
        return None
    joined = rolled.join_parts(read.parts, names, seconds * 1000)
    if joined.most_reports <= BUCKETS:
        columns = rolled.read_few(device, names, read)
        if len({at for told, _ in columns.values() for at in told}) <= BUCKETS:
            return _read_columns(columns, names, seconds)
    return _build_series(seconds, joined.times, joined.sums, joined.timings)


def _build_series(
    seconds: int, times: list[int], sums: dict[str, list[Sums | None]], timings: dict[str, Timing | None]
) -> Series:
    means = {name: [each.mean if each else None for each in of] for name, of in sums.items()}
    low = {name: [each.low if each else None for each in of] for name, of in sums.items()}
    high = {name: [each.high if each else None for each in of] for name, of in sums.items()}
    silent = {name: timing.find_gaps(of) if of else [] for name, of in timings.items()}
    longest = {name: timing.find_longest_pause(of) if of else gaps.LEAST_MS for name, of in timings.items()}
    return Series(seconds, times, means, low, high, silent, longest)


def _judge(pauses: dict[str, list[gaps.Pause]]) -> tuple[dict[str, list[gaps.Gap]], dict[str, int]]:
    found = {name: gaps.find_gaps(of) for name, of in pauses.items()}
    return found, {name: gaps.find_longest(of[-gaps.AROUND :]) for name, of in pauses.items()}


def _read_buckets(within: ReportQuerySet, names: Sequence[str], seconds: int) -> Series:
    columns: dict[str, Aggregate] = {"reports": Count("*")}
    for n, name in enumerate(names):
        number = Number(F("data"), name)
        columns |= {f"avg{n}": Avg(_scale(number)), f"min{n}": Min(number), f"max{n}": Max(number)}
        told = IsNull(number, False)
        columns |= {f"first{n}": Min("at", filter=told), f"last{n}": Max("at", filter=told), f"count{n}": Count(number)}
    buckets = within.order_by().annotate(bucket=Epoch(F("at")) / Value(seconds)).values("bucket")
    rows = cast("list[dict[str, Any]]", list(buckets.annotate(**columns).order_by("bucket")))

    def read_column(what: str) -> dict[str, list[float | None]]:
        return {name: [row[f"{what}{n}"] for row in rows] for n, name in enumerate(names)}

    times = [row["bucket"] * seconds * 1000 for row in rows]
    means = {name: [_unscale_mean(scaled) for scaled in column] for name, column in read_column("avg").items()}
    longest = _read_longest(within, names, rows)
    pauses = {
        name: gaps.list_pauses_of_buckets([_read_bucket(row, n) for row in rows if row[f"count{n}"]], longest[name])
        for n, name in enumerate(names)
    }
    return Series(seconds, times, means, read_column("min"), read_column("max"), *_judge(pauses))


def _read_longest(
    within: ReportQuerySet, names: Sequence[str], rows: Sequence[dict[str, Any]]
) -> dict[str, list[gaps.Gap]]:
    """Return the longest pauses of each attribute; those that stand in every report have the same ones."""
    of_all = gaps.read_longest(within)
    longest = {}
    for n, name in enumerate(names):
        in_all = all(row[f"count{n}"] == row["reports"] for row in rows)
        told = IsNull(Number(F("data"), name), False)
        longest[name] = of_all if in_all else gaps.read_longest(within.filter(told))
    return longest


def _read_bucket(row: dict[str, Any], n: int) -> gaps.Bucket:
    return gaps.Bucket(count_milliseconds(row[f"first{n}"]), count_milliseconds(row[f"last{n}"]), row[f"count{n}"])


def _scale(number: Number) -> Case:
    """Scale the number; what would become too small counts as 0, which PostgreSQL refuses to do by itself."""
    fits = GreaterThan(Abs(number), Value(SMALLEST))
    return Case(When(fits, then=number * Value(SCALE)), When(IsNull(number, False), then=Value(0.0)))


def _unscale_mean(scaled: float | None) -> float | None:
    """Scale a mean back; rounding can lead past the greatest number."""
    if scaled is None:
        return None
    mean = scaled / SCALE
    return math.copysign(sys.float_info.max, mean) if math.isinf(mean) else mean
