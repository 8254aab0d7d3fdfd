"""What devices reported over a time, thinned out by the database to what a chart can show."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Aggregate, Avg, Case, Count, F, FloatField, Func, IntegerField, Max, Min, Value, When
from django.db.models.functions import Abs
from django.db.models.lookups import GreaterThan, IsNull

from telemetry.history import gaps
from telemetry.ingest.writer import count_milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from telemetry.models import ReportQuerySet

BUCKETS = 600
SMALLEST = 2.0**-500
SCALE = 2.0**-532
"""What a mean's numbers are multiplied by, exactly: sums of their squares, which databases keep, then stay finite."""


@dataclass(frozen=True)
class Span:
    """Hold a span of time, from (inclusive) to (exclusive)."""

    start: datetime
    end: datetime

    @property
    def bucket(self) -> int:
        """Return a bucket's whole seconds, so that the span touches at most `BUCKETS` of them."""
        return max(1, -int(-(self.end - self.start).total_seconds() // (BUCKETS - 1)))


class Epoch(Func):
    """Compute whole seconds since the epoch."""

    output_field = IntegerField()
    template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS integer)"
        return self.as_sql(compiler, connection, template=template, **context)


class Number(Func):
    """Extract the number under a name in a JSON object, else null."""

    output_field = FloatField()

    def __init__(self, data: F, name: str) -> None:
        super().__init__(data)
        self.name = name

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        data, _ = compiler.compile(self.source_expressions[0])
        number = f"CASE jsonb_typeof({data} -> %s) WHEN 'number' THEN ({data} ->> %s)::double precision END"
        return number, (self.name, self.name)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        data, _ = compiler.compile(self.source_expressions[0])
        path = f"$.{json.dumps(self.name)}"
        number = f"CASE WHEN json_type({data}, %s) IN ('integer', 'real') THEN json_extract({data}, %s) END"
        return number, (path, path)


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


def read_series(scope: ReportQuerySet, names: Sequence[str], span: Span) -> Series:
    """Return numbers reported in the span, from the caller's `scope`: as they are if few, else in buckets."""
    if not names:
        return Series(0, [], {}, {}, {}, {}, {})
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
