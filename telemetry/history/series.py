"""What devices reported over a time, thinned out by the database to what a chart can show."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Aggregate, Avg, Case, F, FloatField, Func, IntegerField, Max, Min, Value, When
from django.db.models.functions import Abs
from django.db.models.lookups import GreaterThan, IsNull

from telemetry.ingest.decoder import MAX_INTEGER
from telemetry.ingest.writer import milliseconds

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
    """From (inclusive) to (exclusive)."""

    start: datetime
    end: datetime

    @property
    def bucket(self) -> int:
        """In whole seconds, so that the span touches at most `BUCKETS` of them."""
        return max(1, -int(-(self.end - self.start).total_seconds() // (BUCKETS - 1)))


class Epoch(Func):
    """Whole seconds since the epoch."""

    output_field = IntegerField()
    template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) AS integer)"
        return self.as_sql(compiler, connection, template=template, **context)


class Number(Func):
    """The number under a name in a JSON object, else null."""

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
    """Columns, aligned. `bucket` is in seconds, 0 for the points as reported: then low and high are empty."""

    bucket: int
    times: list[int]  # milliseconds since the epoch, of a bucket its start
    values: dict[str, list[float | None]]
    low: dict[str, list[float | None]]
    high: dict[str, list[float | None]]

    def as_json(self, span: Span) -> dict[str, object]:
        start, end = milliseconds(span.start), milliseconds(span.end)
        return {"from": start, "to": end, **asdict(self)}


def read(scope: ReportQuerySet, names: Sequence[str], span: Span) -> Series:
    """Numbers reported in the span, from reports that the caller scoped: as they are if few, else in buckets."""
    if not names:
        return Series(0, [], {}, {}, {})
    within = scope.filter(at__gte=span.start, at__lt=span.end, data__has_any_keys=list(names))
    points = list(within.order_by("at").values_list("at", "data")[: BUCKETS + 1])
    if len(points) > BUCKETS:
        return _bucketed(within, names, span.bucket)
    values = {name: [_number(data.get(name)) for _, data in points] for name in names}
    return Series(0, [milliseconds(at) for at, _ in points], values, {}, {})


def _bucketed(within: ReportQuerySet, names: Sequence[str], seconds: int) -> Series:
    columns: dict[str, Aggregate] = {}
    for n, name in enumerate(names):
        number = Number(F("data"), name)
        columns |= {f"avg{n}": Avg(_scaled(number)), f"min{n}": Min(number), f"max{n}": Max(number)}
    buckets = within.order_by().annotate(bucket=Epoch(F("at")) / Value(seconds)).values("bucket")
    rows = cast("list[dict[str, Any]]", list(buckets.annotate(**columns).order_by("bucket")))

    def column(what: str) -> dict[str, list[float | None]]:
        return {name: [row[f"{what}{n}"] for row in rows] for n, name in enumerate(names)}

    times = [row["bucket"] * seconds * 1000 for row in rows]
    means = {name: [_mean(scaled) for scaled in found] for name, found in column("avg").items()}
    return Series(seconds, times, means, column("min"), column("max"))


def _scaled(number: Number) -> Case:
    """What would become too small for a number counts as nothing, which PostgreSQL refuses to do by itself."""
    fits = GreaterThan(Abs(number), Value(SMALLEST))
    return Case(When(fits, then=number * Value(SCALE)), When(IsNull(number, False), then=Value(0.0)))


def _mean(scaled: float | None) -> float | None:
    """Rounding can lead past the greatest number."""
    if scaled is None:
        return None
    mean = scaled / SCALE
    return math.copysign(sys.float_info.max, mean) if math.isinf(mean) else mean


def _number(value: object) -> float | None:
    """JSON columns give 1e300 back as an integer of 301 digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) > MAX_INTEGER else value
