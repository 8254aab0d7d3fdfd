"""Storing what devices report: a constant number of statements for a batch of any size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from devices.models import Device
from telemetry.ingest import upserts
from telemetry.models import Latest
from telemetry.models import Report as Stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Report, Value

REPEATED_WITHIN = timedelta(minutes=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    device: int
    at: datetime


class Tenure(NamedTuple):
    """A device's current assignment, if it has one, and since when."""

    assignment: int | None
    since: datetime | None

    def of(self, at: datetime) -> int | None:
        return self.assignment if self.since is not None and at >= self.since else None


@dataclass
class Row:
    assignment: int | None
    data: dict[str, Value]
    timed: bool = True


def save(reports: Sequence[Report]) -> list[Report]:
    """Store the reports, in order; returns those that were new or changed what was stored.

    Not new is a report that changes nothing (a redelivered one), and one without a time of its own that the broker
    repeats within ten minutes of having stored its values. Reports of devices that are gone are dropped.
    """
    if not reports:
        return []
    with transaction.atomic():
        tenures = _tenures(reports)
        wanted = _unrepeated([report for report in reports if report.device.pk in tenures])
        rows, changing = _folded(wanted, tenures)
        written = upserts.write_reports(
            [(*key, row.assignment, row.timed, row.data) for key, row in sorted(rows.items())]
        )
        new = [report for report in changing if _key(report) in written]
        _write_latest(new, tenures)
    return new


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _key(report: Report) -> Key:
    return Key(report.device.pk, report.at)


def _tenures(reports: Sequence[Report]) -> dict[int, Tenure]:
    devices = Device.objects.filter(pk__in={report.device.pk for report in reports})
    rows = devices.values_list("pk", "assignment_id", "assignment__opened_at")
    return {pk: Tenure(assignment, since) for pk, assignment, since in rows}


def _unrepeated(reports: list[Report]) -> list[Report]:
    """Without those untimed ones that were delivered before: a repeated one finds its values in a recent row."""
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


def _folded(reports: list[Report], tenures: dict[int, Tenure]) -> tuple[dict[Key, Row], list[Report]]:
    """What has to be written, and the reports that change something, each judged after the ones before it."""
    known = upserts.read_reports(sorted({_key(report) for report in reports}))
    rows: dict[Key, Row] = {}
    changing = []
    for report in reports:
        key = _key(report)
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
    """An older report never overwrites; one from ahead of our clock counts as of its arrival, so that it can't stay.

    Nor can what was stored while the clock itself was ahead, before it was put right.
    """
    current = [report for report in reports if _is_current(report, tenures)]
    latest = _read_latest(current, tenures)
    for report in sorted(current, key=lambda report: report.at):
        values = latest[report.device.pk]
        ms = milliseconds(min(report.at, report.received_at))
        for name, value in report.data.items():
            if name not in values or ms >= min(values[name][1], milliseconds(report.received_at)):
                values[name] = (value, ms)
    upserts.write_latest([(device, tenures[device].assignment, values) for device, values in sorted(latest.items())])


def _is_current(report: Report, tenures: dict[int, Tenure]) -> bool:
    tenure = tenures[report.device.pk]
    return tenure.of(report.at) == tenure.assignment


def _read_latest(reports: list[Report], tenures: dict[int, Tenure]) -> dict[int, dict[str, tuple[Value, int]]]:
    """Starts empty for a device whose assignment changed since."""
    latest: dict[int, dict[str, tuple[Value, int]]] = {report.device.pk: {} for report in reports}
    rows = Latest.objects.select_for_update(no_key=True).filter(pk__in=latest).order_by("pk")
    for device, assignment, data in rows.values_list("device_id", "assignment_id", "data"):
        if assignment == tenures[device].assignment:
            latest[device] = data
    return latest
