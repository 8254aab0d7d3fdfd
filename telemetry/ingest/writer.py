"""Storing what devices report: a constant number of statements for a batch of any size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.utils import IntegrityError

from telemetry.ingest import late, latest, partitions, upserts
from telemetry.ingest.packed import LEAST_AGE, read_packed
from telemetry.ingest.senders import read_tenures
from telemetry.ingest.upserts import ReportRow
from telemetry.models import Drop
from telemetry.models import Report as Stored

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from devices.mqtt.messages import Report, Value
    from telemetry.ingest.drops import Drops
    from telemetry.ingest.packed import Packed
    from telemetry.ingest.senders import Tenure

REPEATED_WITHIN = timedelta(minutes=10)


Key = tuple[int, datetime]
"""A device, by primary key, and a moment."""


@dataclass(slots=True)
class Row:
    assignment: int | None
    data: dict[str, Value]
    timed: bool = True


def save_reports(
    reports: Sequence[Report], drops: Drops | None = None, tenures: Mapping[int, Tenure] | None = None
) -> list[Report]:
    """Store the reports, in order; returns those that were new or changed what was stored.

    Not new is a report that changes nothing (a redelivered one), and one without a time of its own that the broker
    repeats within ten minutes of having stored its values. Reports of devices that are gone are dropped. What is dated
    before the current assignment, and arrived in it, is added to `drops`: nobody sees it. `tenures`, by device, are
    those that were read in the same transaction, if they were.
    """
    if not reports:
        return []
    try:
        new, tenures = _save(reports, tenures)
    except IntegrityError as error:
        if not partitions.is_missing(error):
            raise
        partitions.make_months(report.at for report in reports)
        new, tenures = _save(reports, tenures)
    if drops is not None:
        _tell_of_before(new, tenures, drops)
    return new


def _save(reports: Sequence[Report], tenures: Mapping[int, Tenure] | None) -> tuple[list[Report], Mapping[int, Tenure]]:
    with transaction.atomic():
        if tenures is None:
            tenures = read_tenures({report.device.id for report in reports})
        wanted = _drop_repeated([report for report in reports if report.data and report.device.id in tenures])
        rows, changing = _fold_reports(wanted, tenures, {})
        with upserts.inserting_reports(_list_rows(rows)) as inserted:
            folded = latest.fold(changing, tenures)
            new = _merge(wanted, tenures, rows, changing, inserted.result())
        if new:
            latest.write(folded if new is changing else latest.fold(new, tenures), tenures)
            late.note_late(map(_build_key, new))
    return new, tenures


def _merge(
    reports: list[Report],
    tenures: Mapping[int, Tenure],
    rows: dict[Key, Row],
    changing: list[Report],
    stood: Collection[Key],
) -> list[Report]:
    """Merge those of the rows into what is stored for which something stood there, nearly always none; return the
    reports that changed something."""
    # After the insert, which waits for who packs what stood there: then it is seen here.
    packed = read_packed({_build_key(each) for each in changing if each.received_at - each.at > LEAST_AGE})
    if not stood and not packed:
        return changing
    inserted = dict(rows)
    live = upserts.read_reports(sorted(stood)) if stood else {}
    known = live | {key: {**of.data, **live.get(key, {})} for key, of in packed.items()}
    rows, changing = _fold_reports(reports, tenures, known)
    _leave_beside(packed, stood, inserted, rows)
    written = upserts.write_reports(_list_rows({key: row for key, row in rows.items() if key in stood}))
    return [report for report in changing if (key := _build_key(report)) not in stood or key in written]


def _leave_beside(
    packed: Mapping[Key, Packed], stood: Collection[Key], inserted: Mapping[Key, Row], rows: Mapping[Key, Row]
) -> None:
    """Leave beside what is packed only what changes it, as of the assignment that it is merged into."""
    beside = packed.keys() - stood
    upserts.delete_reports(sorted(beside - rows.keys()))
    for device, at in sorted(beside & rows.keys()):
        if inserted[device, at].assignment is None and (assignment := packed[device, at].assignment) is not None:
            Stored.objects.filter(device=device, at=at).update(assignment=assignment)


def _tell_of_before(reports: Sequence[Report], tenures: Mapping[int, Tenure], drops: Drops) -> None:
    for report in reports:
        tenure = tenures[report.device.id]
        if tenure.of(report.received_at) is not None and tenure.of(report.at) is None:
            drops.add(report.device, Drop.Cause.BEFORE, report.received_at)


def _build_key(report: Report) -> Key:
    return report.device.id, report.at


def _drop_repeated(reports: list[Report]) -> list[Report]:
    """Drop the untimed ones that were delivered before: a repeated one finds its values in a recent row."""
    if not any(report.repeated and not report.timed for report in reports):
        return reports
    recent = _recent_untimed([report for report in reports if report.repeated and not report.timed])
    kept = []
    for report in reports:
        if not report.timed:
            known = recent[report.device.id]
            if report.repeated and any(report.data.items() <= data.items() for data in known):
                continue
            known.append(report.data)
        kept.append(report)
    return kept


def _recent_untimed(repeated: list[Report]) -> defaultdict[int, list[dict[str, Value]]]:
    recent: defaultdict[int, list[dict[str, Value]]] = defaultdict(list)
    rows = Stored.objects.filter(
        device__in={report.device.id for report in repeated},
        at__gte=min(report.received_at for report in repeated) - REPEATED_WITHIN,
        timed=False,
    )
    for device, data in rows.values_list("device_id", "data"):
        recent[device].append(data)
    return recent


def _fold_reports(
    reports: list[Report], tenures: Mapping[int, Tenure], known: Mapping[Key, dict[str, Value]]
) -> tuple[dict[Key, Row], list[Report]]:
    """Return what has to be written, and the reports that change something, each judged after those before it and
    after what is known to be stored."""
    rows: dict[Key, Row] = {}
    changing = []
    for report in reports:
        key = report.device.id, report.at
        row, data = rows.get(key), report.data
        if row is not None or known:
            stored = {**known.get(key, {}), **(row.data if row else {})}
            if data.items() <= stored.items():
                continue
        if row is None:
            rows[key] = Row(tenures[key[0]].of(report.at), data, report.timed)
        else:
            row.data = {**row.data, **data}
            row.timed &= report.timed
        changing.append(report)
    return rows, changing


def _list_rows(rows: dict[Key, Row]) -> list[ReportRow]:
    """List them in the order of all who write such rows, so that two never wait for each other."""
    return [(*key, row.assignment, row.timed, row.data) for key, row in sorted(rows.items(), key=itemgetter(0))]
