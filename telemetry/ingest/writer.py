"""Storing what devices report: a constant number of statements for a batch of any size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from devices.models import Device
from telemetry.ingest import upserts
from telemetry.models import Drop, Latest
from telemetry.models import Report as Stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Report, Value
    from telemetry.ingest.drops import Drops

REPEATED_WITHIN = timedelta(minutes=10)
AHEAD = timedelta(minutes=1)  # of our clock, from which on a device's own is said to be
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    device: int
    at: datetime


class Tenure(NamedTuple):
    """Hold a device's current assignment, if it has one, and since when."""

    assignment: int | None
    since: datetime | None

    def of(self, at: datetime) -> int | None:
        return self.assignment if self.since is not None and at >= self.since else None


class Known(NamedTuple):
    """Hold the latest values of a device, each with its milliseconds; and of those from ahead of our clock the device's
    own."""

    values: dict[str, tuple[Value, int]]
    ahead: dict[str, tuple[int, int]]


@dataclass
class Row:
    assignment: int | None
    data: dict[str, Value]
    timed: bool = True


def save_reports(reports: Sequence[Report], drops: Drops | None = None) -> list[Report]:
    """Store the reports, in order; returns those that were new or changed what was stored.

    Not new is a report that changes nothing (a redelivered one), and one without a time of its own that the broker
    repeats within ten minutes of having stored its values. Reports of devices that are gone are dropped. What is dated
    before the current assignment, and arrived in it, is added to `drops`: nobody sees it.
    """
    if not reports:
        return []
    with transaction.atomic():
        tenures = _read_tenures(reports)
        wanted = _drop_repeated([report for report in reports if report.device.pk in tenures])
        rows, changing = _fold_reports(wanted, tenures)
        written = upserts.write_reports(
            [(*key, row.assignment, row.timed, row.data) for key, row in sorted(rows.items())]
        )
        new = [report for report in changing if _build_key(report) in written]
        _write_latest(new, tenures)
    if drops is not None:
        _tell_of_before(new, tenures, drops)
    return new


def _tell_of_before(reports: Sequence[Report], tenures: dict[int, Tenure], drops: Drops) -> None:
    for report in reports:
        tenure = tenures[report.device.pk]
        if tenure.of(report.received_at) is not None and tenure.of(report.at) is None:
            drops.add(report.device, Drop.Cause.BEFORE, report.received_at)


def count_milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _build_key(report: Report) -> Key:
    return Key(report.device.pk, report.at)


def _read_tenures(reports: Sequence[Report]) -> dict[int, Tenure]:
    devices = Device.objects.filter(pk__in={report.device.pk for report in reports})
    rows = devices.values_list("pk", "assignment_id", "assignment__opened_at")
    return {pk: Tenure(assignment, since) for pk, assignment, since in rows}


def _drop_repeated(reports: list[Report]) -> list[Report]:
    """Drop the untimed ones that were delivered before: a repeated one finds its values in a recent row."""
    if not any(report.repeated and not report.timed for report in reports):
        return reports
    recent = _recent_untimed([report for report in reports if report.repeated and not report.timed])
    kept = []
    for report in reports:
        if not report.timed:
            known = recent[report.device.pk]
            if report.repeated and any(report.data.items() <= data.items() for data in known):
                continue
            known.append(report.data)
        kept.append(report)
    return kept


def _recent_untimed(repeated: list[Report]) -> defaultdict[int, list[dict[str, Value]]]:
    recent: defaultdict[int, list[dict[str, Value]]] = defaultdict(list)
    rows = Stored.objects.filter(
        device__in={report.device.pk for report in repeated},
        at__gte=min(report.received_at for report in repeated) - REPEATED_WITHIN,
        timed=False,
    )
    for device, data in rows.values_list("device_id", "data"):
        recent[device].append(data)
    return recent


def _fold_reports(reports: list[Report], tenures: dict[int, Tenure]) -> tuple[dict[Key, Row], list[Report]]:
    """Return what has to be written, and the reports that change something, each judged after those before it."""
    known = upserts.read_reports(sorted({_build_key(report) for report in reports}))
    rows: dict[Key, Row] = {}
    changing = []
    for report in reports:
        key = _build_key(report)
        values = known.setdefault(key, {})
        if report.data.items() <= values.items():
            continue
        values.update(report.data)
        row = rows.setdefault(key, Row(tenures[key.device].of(key.at), {}))
        row.data.update(report.data)
        row.timed &= report.timed
        changing.append(report)
    return rows, changing


def _write_latest(reports: list[Report], tenures: dict[int, Tenure]) -> None:
    """Write the latest values: an older report never overwrites.

    One from ahead of our clock counts as of its arrival, so that it can't stay, and its own time is kept beside. Nor
    can what was stored while the clock itself was ahead, before it was put right.
    """
    current = [report for report in reports if _is_current(report, tenures)]
    latest = _read_latest(current, tenures)
    for report in sorted(current, key=lambda report: report.at):
        known = latest[report.device.pk]
        ms = count_milliseconds(min(report.at, report.received_at))
        for name, value in report.data.items():
            if name not in known.values or ms >= min(known.values[name][1], count_milliseconds(report.received_at)):
                known.values[name] = (value, ms)
                known.ahead.pop(name, None)
                if report.at - report.received_at >= AHEAD:
                    known.ahead[name] = (ms, count_milliseconds(report.at))
    upserts.write_latest(
        [
            (device, tenures[device].assignment, known.values, known.ahead or None)
            for device, known in sorted(latest.items(), key=itemgetter(0))
        ]
    )


def _is_current(report: Report, tenures: dict[int, Tenure]) -> bool:
    tenure = tenures[report.device.pk]
    return tenure.of(report.at) == tenure.assignment


def _read_latest(reports: list[Report], tenures: dict[int, Tenure]) -> dict[int, Known]:
    """Lock and return the latest values; none of a device whose assignment changed since."""
    latest = {report.device.pk: Known({}, {}) for report in reports}
    rows = Latest.objects.select_for_update(no_key=True).filter(pk__in=latest).order_by("pk")
    for device, assignment, data, ahead in rows.values_list("device_id", "assignment_id", "data", "ahead"):
        if assignment == tenures[device].assignment:
            latest[device] = Known(data, ahead or {})
    return latest
