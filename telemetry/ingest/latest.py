"""What of some reports is the latest of each device. Most is merged into what is stored without a look at it, where it
lies (`telemetry.ingest.latest_rows`)."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from telemetry.ingest import latest_rows
from telemetry.ingest.latest_rows import LatestRow
from telemetry.ingest.times import count_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.mqtt.messages import Report, Value
    from telemetry.ingest.senders import Tenure

AHEAD = timedelta(minutes=1)  # of our clock, from which on a device's own is said to be


class Known(NamedTuple):
    """Hold the latest values of a device, each with its milliseconds; and of those from ahead of our clock the device's
    own."""

    values: dict[str, tuple[Value, int]]
    ahead: dict[str, tuple[int, int]]


class Folded(NamedTuple):
    """Hold what is the latest among some reports: by device, each of those that count, in the order of their times; and
    the rows that say it."""

    reports: dict[int, list[Report]]
    rows: list[LatestRow]
    encoded: list[str]


def fold(reports: list[Report], tenures: Mapping[int, Tenure]) -> Folded:
    """Return what is the latest of each device among these reports, of which those of its present assignment count."""
    current: dict[int, list[Report]] = {}
    for report in reports:
        if _is_current(report, tenures):
            current.setdefault(report.device.id, []).append(report)
    for of in current.values():
        of.sort(key=attrgetter("at"))
    rows = [_build_latest(tenures[device], of, Known({}, {})) for device, of in sorted(current.items())]
    return Folded(current, rows, latest_rows.encode(rows))


def write(folded: Folded, tenures: Mapping[int, Tenure]) -> None:
    """Write the latest values: an older report never overwrites.

    One from ahead of our clock counts as of its arrival, so that it can't stay, and its own time is kept beside. Nor
    can what was stored while the clock itself was ahead, before it was put right.
    """
    unmerged = latest_rows.merge(folded.rows, folded.encoded)
    if not unmerged:
        return
    stored = latest_rows.read(unmerged)
    rows = [_add(row, tenures[row.device], folded.reports[row.device]) for row in stored]
    latest_rows.write([row for row, former in zip(rows, stored, strict=True) if row != former])


def _add(row: LatestRow, tenure: Tenure, reports: list[Report]) -> LatestRow:
    """Return the row with these reports of its own assignment."""
    return _build_latest(tenure, reports, Known(dict(row.data), dict(row.ahead or {})), whole=True)


def _build_latest(tenure: Tenure, reports: list[Report], known: Known, *, whole: bool = False) -> LatestRow:
    """Return what is known with these reports of one device. Unless that is the whole of it, its `newest` is said only
    if it can be told by it whether all of this is newer than other values: of one moment, and none from ahead."""
    for report in reports:
        _note(report, known)
    values, ahead = known
    moments = {ms for _, ms in values.values()}
    newest = max(moments) if whole or (len(moments) == 1 and not ahead) else None
    return LatestRow(reports[0].device.id, tenure.assignment, values, ahead or None, newest, _number(tuple(values)))


@lru_cache(maxsize=10_000)
def _number(names: tuple[str, ...]) -> int:
    """Return a number that stands for these names in any order, the same in every process."""
    digest = blake2b(json.dumps(sorted(names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _note(report: Report, known: Known) -> None:
    received = count_milliseconds(report.received_at)
    own = count_milliseconds(report.at)
    ms, (values, ahead) = min(own, received), known
    new = {name: (value, ms) for name, value in report.data.items()}
    if values and ms < received:
        new = {name: each for name, each in new.items() if name not in values or ms >= values[name][1]}
    values.update(new)
    if ahead:
        for name in new.keys() & ahead.keys():
            del ahead[name]
    if report.at - report.received_at >= AHEAD:
        ahead.update(dict.fromkeys(new, (ms, own)))


def _is_current(report: Report, tenures: Mapping[int, Tenure]) -> bool:
    tenure = tenures[report.device.id]
    return tenure.of(report.at) == tenure.assignment
