"""Which states a device reported over a time, as stretches: texts, and what is on or off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, F, Func, Max, Min, TextField, Value

from devices.models import Attribute
from telemetry.history import gaps
from telemetry.history.functions import Epoch
from telemetry.history.series import BUCKETS
from telemetry.ingest.writer import count_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from telemetry.history.series import Span
    from telemetry.models import ReportQuerySet

MOST_STATES = 24  # of one attribute: what says more is a text and no state
MOST_ROWS = 5_000
LENGTH = 60  # of a state that is shown
SWITCH = {"true": "On", "false": "Off"}


class Text(Func):
    """Extract the beginning of the text under a name in a JSON object, else null; of a truth `true` or `false`."""

    output_field = TextField()

    def __init__(self, data: F, name: str) -> None:
        super().__init__(data)
        self.name = name

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        data, _ = compiler.compile(self.source_expressions[0])
        return f"LEFT({data} ->> %s, {LENGTH + 1})", (self.name,)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        data, _ = compiler.compile(self.source_expressions[0])
        path = f"$.{json.dumps(self.name)}"
        kind, value = f"json_type({data}, %s)", f"json_extract({data}, %s)"
        text = f"CASE WHEN {kind} IN ('true', 'false') THEN {kind} ELSE {value} END"
        return f"SUBSTR({text}, 1, {LENGTH + 1})", (path, path, path)


class Told(NamedTuple):
    """Hold a bucket's reports of one state, in milliseconds since the epoch."""

    first: int
    last: int
    reports: int
    state: str


@dataclass
class Stretch:
    """Hold from when to when (milliseconds since the epoch) the states were reported: several, where they changed more
    often than can be shown. The end is the next report, or the last one before a gap."""

    start: int
    end: int
    states: tuple[str, ...]


@dataclass(frozen=True)
class Timeline:
    stretches: list[Stretch]
    too_many: bool  # different texts for it to be states


def read_timelines(scope: ReportQuerySet, attributes: Sequence[Attribute], span: Span) -> dict[str, Timeline]:
    """Return those of each attribute, from the caller's `scope`; by report if they are few, else by bucket."""
    return {attribute.name: _read_timeline(scope, attribute, span) for attribute in attributes}


def _read_timeline(scope: ReportQuerySet, attribute: Attribute, span: Span) -> Timeline:
    within = scope.filter(at__gte=span.start, at__lt=span.end, data__has_key=attribute.name)
    told = within.order_by("at").annotate(state=Text(F("data"), attribute.name)).exclude(state__isnull=True)
    points: list[Any] = list(told.values_list("at", "state")[: BUCKETS + 1])
    switch = SWITCH if attribute.type == Attribute.Type.BOOLEAN else {}
    if len(points) <= BUCKETS:
        marks = [Stretch(ms := count_milliseconds(at), ms, (_show_state(state, switch),)) for at, state in points]
        silent = gaps.find_gaps(gaps.list_pauses(mark.start for mark in marks))
    else:
        groups = told.order_by().annotate(bucket=Epoch(F("at")) / Value(span.bucket)).values("bucket", "state")
        counted = groups.annotate(first=Min("at"), last=Max("at"), count=Count("*"))
        rows: list[Any] = list(counted.order_by("bucket", "first")[:MOST_ROWS])
        if len(rows) == MOST_ROWS:
            return Timeline([], too_many=True)
        marks, silent = _join_buckets(rows, switch, gaps.read_longest(told))
    if len({state for mark in marks for state in mark.states}) > MOST_STATES:
        return Timeline([], too_many=True)
    return Timeline(_join_marks(marks, silent), too_many=False)


def _show_state(state: str, switch: dict[str, str]) -> str:
    shown = switch.get(state, state)
    return f"{shown[:LENGTH]}…" if len(shown) > LENGTH else shown


def _join_buckets(
    rows: Iterable[dict[str, Any]], switch: dict[str, str], longest: Sequence[gaps.Gap]
) -> tuple[list[Stretch], list[gaps.Gap]]:
    """Return one mark a bucket, with every state that was reported in it, and more where a gap lies inside; and all
    gaps."""
    buckets: dict[int, list[Told]] = {}
    for row in rows:
        start, end = count_milliseconds(row["first"]), count_milliseconds(row["last"])
        buckets.setdefault(row["bucket"], []).append(Told(start, end, row["count"], _show_state(row["state"], switch)))
    sums = [
        gaps.Bucket(told[0].first, max(each.last for each in told), sum(each.reports for each in told))
        for told in buckets.values()
    ]
    silent = gaps.find_gaps(gaps.list_pauses_of_buckets(sums, longest))
    marks: list[Stretch] = []
    for bucket, told in zip(sums, buckets.values(), strict=True):
        marks.extend(_cut_bucket(bucket, told, silent))
    return marks, silent


def _cut_bucket(bucket: gaps.Bucket, told: Sequence[Told], silent: Sequence[gaps.Gap]) -> Iterator[Stretch]:
    inside = [gap for gap in silent if bucket.first <= gap[0] and gap[1] <= bucket.last]
    starts = [bucket.first, *(end for _, end in inside)]
    ends = [*(start for start, _ in inside), bucket.last]
    for start, end in zip(starts, ends, strict=True):
        states = [each.state for each in told if each.first <= end and each.last >= start]
        yield Stretch(start, end, tuple(dict.fromkeys(states)))


def _join_marks(marks: Sequence[Stretch], silent: Sequence[gaps.Gap]) -> list[Stretch]:
    """Join what follows without a gap: a state lasts until the next report."""
    ends = {end for _, end in silent}
    joined: list[Stretch] = []
    for mark in marks:
        last = joined[-1] if joined else None
        if last is None or mark.start in ends:
            joined.append(mark)
        elif set(last.states) == set(mark.states):
            last.end = mark.end
        else:
            last.end = mark.start
            joined.append(mark)
    return joined
