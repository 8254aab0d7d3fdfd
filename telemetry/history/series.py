"""What devices reported over a time, thinned out by the database to what a chart can show."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Aggregate, Avg, Case, Count, F, Max, Min, Value, When
from django.db.models.functions import Abs
from django.db.models.lookups import GreaterThan, IsNull

from telemetry.history import gaps, levels, rolled, timing
from telemetry.history.functions import Epoch, Number
from telemetry.history.rollups import SCALE
from telemetry.ingest.writer import count_milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from devices.models import Device
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


def read_series(scope: ReportQuerySet, names: Sequence[str], span: Span, device: Device | None = None) -> Series:
    """Return numbers reported in the span, from the caller's `scope`: as they are if few, else in buckets.

    Of a long span, what was summed before is taken where `scope` is all of a `device`'s current assignment.
    """
    if not names:
        return Series(0, [], {}, {}, {}, {}, {})
    if device is not None and (summed := _read_rolled(scope, names, span, device)) is not None:
        return summed
    within = scope.filter(at__gte=span.start, at__lt=span.end, data__has_any_keys=list(names))
    # Their numbers alone: beside them may stand texts of a quarter of a megabyte.
    numbers = [Number(F("data"), name) for name in names]
    points: list[Any] = list(within.order_by("at").values_list("at", *numbers)[: BUCKETS + 1])
    if len(points) > BUCKETS:
        return _read_buckets(within, names, span.bucket)
    values = {name: [point[n] for point in points] for n, name in enumerate(names, start=1)}
    times = [count_milliseconds(point[0]) for point in points]
    pauses = {
        name: gaps.list_pauses(at for at, value in zip(times, column, strict=True) if value is not None)
        for name, column in values.items()
    }
    return Series(0, times, values, {}, {}, *_judge(pauses))


def _read_rolled(scope: ReportQuerySet, names: Sequence[str], span: Span, device: Device) -> Series | None:
    """Return the same from roll-ups, in buckets of whole ones; None where they don't stand, or are not needed."""
    chosen = levels.choose_bucket((span.end - span.start).total_seconds(), span.bucket)
    if chosen is None:
        return None
    level, seconds = chosen
    read = rolled.read_buckets(scope, names, (span.start, span.end), device, level=level, seconds=seconds)
    if read is None or read.most_reports <= BUCKETS:
        return None

    def read_column(what: str) -> dict[str, list[float | None]]:
        return {name: [getattr(sums, what) if sums else None for sums in read.sums[name]] for name in names}

    silent = {name: timing.find_gaps(of) if of else [] for name, of in read.timings.items()}
    longest = {name: timing.find_longest_pause(of) if of else gaps.LEAST_MS for name, of in read.timings.items()}
    columns = read_column("mean"), read_column("low"), read_column("high")
    return Series(seconds, read.times, *columns, silent, longest)


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
