"""The one reader of what a device reported in its current assignment: of reports as they lie, and of packed days.

Reports are read first, then packed days, or both in one statement (`telemetry.history.stored`), and what is in both
counts once: whatever is packed between the two was seen as reports, so that nothing is missed, and nothing is seen
twice. What came late for a packed day lies as a report until it is packed too, and is merged here as it will be then.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.utils import timezone

from lib import columns as numbers
from telemetry.history.functions import find_told
from telemetry.history.rollups import DAY, make_columns
from telemetry.ingest import day_format
from telemetry.ingest.day_format import DAY_US
from telemetry.ingest.packed import LEAST_AGE
from telemetry.ingest.times import EPOCH, count_milliseconds
from telemetry.models import PackedDay, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.models import Func

    from devices.models import Device
    from devices.mqtt.messages import Value
    from telemetry.history.rollups import Columns

    Row = tuple[datetime, dict[str, Value]]

DAY_MS = DAY * 1000
CHUNK = 2_000


def is_packed(device: Device, start: datetime, end: datetime) -> bool:
    """Decide whether there are packed days in that time."""
    return timezone.now() - start > LEAST_AGE and _find_days(device, start, end).exists()


def read_columns(
    device: Device,
    names: Sequence[str],
    between: tuple[datetime, datetime],
    tell: Callable[[F, str], Func],
    find: Callable[[Any], Any],
) -> Columns:
    """Return, of each attribute that was reported, when, and what `find` makes of each value: where that is None it was
    reported, and is something else. `tell` has the database compute what `find` is given of a report as it lies."""
    start, end = between
    within = Report.objects.of(device).filter(at__gte=start, at__lt=end, data__has_any_keys=list(names))
    rows: Any = within.order_by("at").values_list("at", *(tell(F("data"), name) for name in names))
    lying = _divide(rows.iterator(CHUNK), names, find)
    begin, until = (-(-(at - EPOCH) // timedelta(milliseconds=1)) for at in between)
    return _join(lying, _read_days(device, start, end), names, (begin, until), find)


def join_columns(
    lying: Iterable[tuple[int, str]],
    packed: Iterable[tuple[int, bytes]],
    names: Sequence[str],
    between: tuple[int, int],
    find: Callable[[Any], Any],
) -> Columns:
    """Return the same of what was read of that time, in milliseconds since the epoch: of reports as they lie when, in
    the order of time, and their values as JSON; of packed days their bodies."""
    read = [(at, json.loads(values)) for at, values in lying]
    days: dict[int, Columns] = {}
    for day, of in groupby(read, key=lambda report: report[0] // DAY_MS):
        told = make_columns(of)
        days[day] = {name: (times, [*map(find, values)]) for name, (times, values) in told.items() if name in names}
    return _join(days, packed, names, between, find)


def _join(
    lying: dict[int, Columns],
    packed: Iterable[tuple[int, bytes]],
    names: Sequence[str],
    between: tuple[int, int],
    find: Callable[[Any], Any],
) -> Columns:
    days = {day: _clip(_decode(day, body, names, find), *between) for day, body in packed}
    columns: Columns = {}
    for day in sorted(lying.keys() | days.keys()):
        for name, (times, values) in _merge(days.get(day, {}), lying.get(day, {})).items():
            column = columns.setdefault(name, ([], []))
            column[0].extend(times)
            column[1].extend(values)
    return columns


def _find_days(device: Device, start: datetime, end: datetime) -> Any:
    first, last = (numbers.count_microseconds(at) // DAY_US for at in (start, end))
    return PackedDay.objects.of(device).filter(day__gte=first, day__lte=last).order_by("day")


def _read_days(device: Device, start: datetime, end: datetime) -> Iterable[tuple[int, bytes]]:
    if timezone.now() - start <= LEAST_AGE:
        return []
    rows = _find_days(device, start, end).values_list("day", "body").iterator(32)
    return ((day, bytes(body)) for day, body in rows)


def _divide(rows: Iterable[Any], names: Sequence[str], find: Callable[[Any], Any]) -> dict[int, Columns]:
    """Return by day what reports as they lie tell."""
    days: dict[int, Columns] = defaultdict(dict)
    for at, *told in rows:
        ms = count_milliseconds(at)
        columns = days[ms // DAY_MS]
        for name, value in zip(names, told, strict=True):
            if value is not None:
                column = columns.get(name)
                if column is None:
                    column = columns[name] = [], []
                column[0].append(ms)
                column[1].append(find(value))
    return days


def _decode(day: int, body: bytes, names: Sequence[str], find: Callable[[Any], Any]) -> Columns:
    return {
        name: (column.times, column.values if column.numeric and find is find_told else [*map(find, column.values)])
        for name, column in day_format.decode_columns(day * DAY_US, body, set(names)).items()
    }


def _clip(columns: Columns, begin: int, until: int) -> Columns:
    clipped = {}
    for name, (times, values) in columns.items():
        first, last = bisect_left(times, begin), bisect_left(times, until)
        if first < last:
            clipped[name] = times[first:last], values[first:last]
    return clipped


def _merge(packed: Columns, lying: Columns) -> Columns:
    if not packed or not lying:
        return packed or lying
    merged = {**packed, **lying}
    for name in packed.keys() & lying.keys():
        told = sorted((dict(zip(*packed[name], strict=True)) | dict(zip(*lying[name], strict=True))).items())
        merged[name] = [at for at, _ in told], [value for _, value in told]
    return merged


def merge_rows(packed: Iterable[Row], lying: Iterable[Row]) -> list[Row]:
    """Return reports in the order of time, those of one moment as one."""
    merged = dict(packed)
    for at, data in lying:
        merged[at] = {**merged.get(at, {}), **data}
    return sorted(merged.items())


def read_next(device: Device, start: datetime, end: datetime, lying: Sequence[Row], *, more: bool) -> list[Row]:
    """Return reports of a time from its start on, at least CHUNK if there are as many, of those that lie and of packed
    days. `lying` was read before; `more` says that there may be others after these."""
    packed: list[Row] = []
    until = lying[-1][0] if more else None
    for day, body in _read_days(device, start, end):
        told = _list_rows(day, body)
        packed.extend(row for row in told if start <= row[0] < end)
        if len(packed) >= CHUNK or (until is not None and packed and packed[-1][0] > until):
            ends = EPOCH + timedelta(days=day + 1) - timedelta(microseconds=1)
            until = ends if until is None else min(until, ends)
            break
    return [row for row in merge_rows(packed, lying) if until is None or row[0] <= until]


def read_newest(device: Device, lying: list[Row], size: int) -> list[Row]:
    """Return the newest reports, the newest first; as many of those that lie were read before."""
    since = lying[-1][0] if len(lying) == size else EPOCH
    packed: list[Row] = []
    if timezone.now() - since > LEAST_AGE:  # what lies may have come late, for days before others that are packed
        days = PackedDay.objects.of(device).filter(day__gte=numbers.count_microseconds(since) // DAY_US)
        for day, body in days.order_by("-day").values_list("day", "body").iterator(4):
            packed = _list_newest(day, bytes(body), size) + packed
            if len(packed) >= size:
                break
    return merge_rows(packed, lying)[: -size - 1 : -1]


def read_last_times(device: int, size: int) -> list[float]:
    """Return when a device reported last, as far as that is packed, in whichever assignment: seconds since the epoch,
    at least so many if there are."""
    found: list[float] = []
    days = PackedDay.objects.filter(device=device).order_by("-day").values_list("day", "body")[:size]
    for _, of in groupby(days.iterator(4), key=itemgetter(0)):  # one of each assignment
        found += [at / 1_000_000 for day, body in of for at in day_format.read_times(day * DAY_US, bytes(body))]
        if len(found) >= size:
            break
    return sorted(found)[-size:]


def _list_rows(day: int, body: bytes) -> list[Row]:
    return [(numbers.make_time(at), data) for at, _, data in day_format.decode(day * DAY_US, body)]


def _list_newest(day: int, body: bytes, size: int) -> list[Row]:
    newest = set(day_format.read_times(day * DAY_US, body)[-size:])
    return [(numbers.make_time(at), data) for at, _, data in day_format.decode_some(day * DAY_US, body, newest)]
