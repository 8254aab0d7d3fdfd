"""Which states a device reported over a time, as stretches: texts, and what is on or off."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, F, Func, Max, Min, TextField, Value

from devices.models import Attribute
from telemetry.history import gaps, levels, rolled
from telemetry.history.functions import Epoch
from telemetry.history.packed_sums import split
from telemetry.history.reports import is_packed, read_columns
from telemetry.history.rollups import choose, sum_columns
from telemetry.history.runs import LENGTH, MOST_STATES, find_state, make_runs
from telemetry.history.series import BUCKETS
from telemetry.history.timing import find_gaps
from telemetry.ingest.times import count_milliseconds
from telemetry.models import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from devices.models import Device
    from telemetry.history.runs import Runs
    from telemetry.history.series import Span
    from telemetry.history.timing import Timing
    from telemetry.models import ReportQuerySet

MOST_ROWS = 5_000
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


def read_timelines(device: Device, attributes: Sequence[Attribute], span: Span) -> dict[str, Timeline]:
    """Return those of each attribute, of the device's current assignment: as reported if that is little, else by
    bucket. Of a long span what was summed before is taken."""
    found = _read_rolled(device, attributes, span) if attributes else {}
    for attribute in attributes:
        if attribute.name not in found:
            found[attribute.name] = _read_reported(device, attribute, span)
    return {attribute.name: found[attribute.name] for attribute in attributes}


def _read_rolled(device: Device, attributes: Sequence[Attribute], span: Span) -> dict[str, Timeline]:
    """Return those that roll-ups tell of: none where they don't stand, nor of what was a number once."""
    chosen = levels.choose_bucket((span.end - span.start).total_seconds(), span.bucket)
    if chosen is None:
        return {}
    level, seconds = chosen
    names = [attribute.name for attribute in attributes]
    between = span.start, span.end
    read = rolled.read_parts(device, names, between, level=level, seconds=seconds, tell=Text, find=find_text)
    if read is None:
        return {}
    buckets = [part.bucket for part in read.parts]
    numbers = {name for bucket in buckets for name in bucket.sums}
    timings = rolled.join_timings(buckets, [bucket.states for bucket in buckets], names)
    timelines = {}
    for attribute in attributes:
        if attribute.name not in numbers:
            of = [bucket.states[attribute.name][1] for bucket in buckets if attribute.name in bucket.states]
            timelines[attribute.name] = _build_timeline(of, timings[attribute.name], attribute, span)
    return timelines


def _build_timeline(of: Sequence[Runs], timing: Timing | None, attribute: Attribute, span: Span) -> Timeline:
    if not all(runs.runs for runs in of):
        return Timeline([], too_many=True)
    silent = find_gaps(timing) if timing else []
    marks: list[Stretch] = []
    for runs in of:
        for run in [[each] for each in runs.runs] if runs.whole else [runs.runs]:
            told = [Told(each.first, each.last, each.reports, _show_state(each.state, attribute)) for each in run]
            bucket = gaps.Bucket(min(each.first for each in told), max(each.last for each in told), 0)
            marks.extend(_cut_bucket(bucket, told, silent))
    return _judge_marks(marks, silent, span)


def _judge_marks(marks: Sequence[Stretch], silent: Sequence[gaps.Gap], span: Span) -> Timeline:
    if len({state for mark in marks for state in mark.states}) > MOST_STATES:
        return Timeline([], too_many=True)
    stretches = _join_marks(marks, silent)
    if len(stretches) > BUCKETS:
        stretches = _join_marks(_thin_out(stretches, silent, span.bucket * 1000), silent)
    return Timeline(stretches, too_many=False)


def _thin_out(stretches: Sequence[Stretch], silent: Sequence[gaps.Gap], length: int) -> list[Stretch]:
    """Join what begins in one bucket of so many milliseconds, without a gap between."""
    ends = {end for _, end in silent}
    thin: list[Stretch] = []
    for stretch in stretches:
        last = thin[-1] if thin else None
        if last is None or stretch.start in ends or last.start // length != stretch.start // length:
            thin.append(Stretch(stretch.start, stretch.end, stretch.states))
        else:
            last.end, last.states = stretch.end, tuple(dict.fromkeys(last.states + stretch.states))
    return thin


def _read_reported(device: Device, attribute: Attribute, span: Span) -> Timeline:
    timeline = None
    if not is_packed(device, span.start, span.end):
        timeline = _read_lying(Report.objects.of(device), attribute, span)
    if timeline is None or is_packed(device, span.start, span.end):
        columns = read_columns(device, [attribute.name], (span.start, span.end), Text, find_text)
        times, states = choose(*columns.get(attribute.name, ([], [])), find_text)
        bucket = sum_columns({"": (times, states)})
        parts = [part[""] for _, part in split({"": (times, states)}, span.bucket * 1000)]
        of = [make_runs(zip(*part, strict=True)) for part in parts]
        timeline = _build_timeline(of, bucket.timings[0] if bucket else None, attribute, span)
    return timeline


def find_text(value: Any) -> str | None:
    """Return the beginning of what was reported as a text, as `Text` does."""
    if value is None or isinstance(value, str | bool):
        return find_state(value)
    return json.dumps(value)[: LENGTH + 1]


def _read_lying(scope: ReportQuerySet, attribute: Attribute, span: Span) -> Timeline:
    within = scope.filter(at__gte=span.start, at__lt=span.end, data__has_key=attribute.name)
    told = within.order_by("at").annotate(state=Text(F("data"), attribute.name)).exclude(state__isnull=True)
    points: list[Any] = list(told.values_list("at", "state")[: BUCKETS + 1])
    if len(points) <= BUCKETS:
        marks = [Stretch(ms := count_milliseconds(at), ms, (_show_state(state, attribute),)) for at, state in points]
        silent = gaps.find_gaps(gaps.list_pauses(mark.start for mark in marks))
    else:
        groups = told.order_by().annotate(bucket=Epoch(F("at")) / Value(span.bucket)).values("bucket", "state")
        counted = groups.annotate(first=Min("at"), last=Max("at"), count=Count("*"))
        rows: list[Any] = list(counted.order_by("bucket", "first")[:MOST_ROWS])
        if len(rows) == MOST_ROWS:
            return Timeline([], too_many=True)
        marks, silent = _join_buckets(rows, attribute, gaps.read_longest(told))
    return _judge_marks(marks, silent, span)


def _show_state(state: str, attribute: Attribute) -> str:
    shown = SWITCH.get(state, state) if attribute.type == Attribute.Type.BOOLEAN else state
    return f"{shown[:LENGTH]}…" if len(shown) > LENGTH else shown


def _join_buckets(
    rows: Iterable[dict[str, Any]], attribute: Attribute, longest: Sequence[gaps.Gap]
) -> tuple[list[Stretch], list[gaps.Gap]]:
    """Return one mark a bucket, with every state that was reported in it, and more where a gap lies inside; and all
    gaps."""
    buckets: dict[int, list[Told]] = {}
    for row in rows:
        start, end = count_milliseconds(row["first"]), count_milliseconds(row["last"])
        buckets.setdefault(row["bucket"], []).append(
            Told(start, end, row["count"], _show_state(row["state"], attribute))
        )
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
