"""Deleting what is older than its organisation keeps reports: months that are too old for everybody at once, else a few
thousand rows a statement, organisations in turn, so that nobody waits for it who stores or reads reports.
"""

# ruff: noqa: S608 (only texts of ours are put into the statements)

from __future__ import annotations

import logging
import time
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from devices.models import Device
from lib import columns
from telemetry.history.rollups import DAY
from telemetry.ingest import partitions
from tenants.models import Organisation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

RUN_SECONDS = 300.0  # of one run; the next one goes on
ROWS = 4_000  # that one statement deletes, at most
DEVICES = 1_000  # that are looked at in one statement


class Table(NamedTuple):
    """Hold of what is made of reports, and goes with them, how it is found: rows are of a `device_id`, which begins the
    key."""

    name: str
    key: str
    is_old: str  # with a place for the moment before which nothing is kept,
    adapt: Callable[[datetime], Any]  # as this writes it


REPORTS = Table("telemetry_report", "device_id, at", "at < %s", lambda at: connection.ops.adapt_datetimefield_value(at))
SUMS = Table(
    "telemetry_rollup", "device_id, tenure, seconds, start", "start + seconds <= %s", lambda at: int(at.timestamp())
)
PACKED = Table("telemetry_packedday", "device_id, tenure, day", "day < %s", lambda at: int(at.timestamp()) // DAY)
TABLES = (REPORTS, SUMS, PACKED)


def clear_old(seconds: float = RUN_SECONDS) -> int:
    """Delete what is too old, until this time is over; return how many reports, those of whole months not counted.

    Safe to repeat, and to be run twice at once.
    """
    until = time.monotonic() + seconds
    moments = find_moments()
    if moments and len(moments) == Organisation.objects.count():
        partitions.drop_before(min(moments.values()))
    turns = deque(_clear(organisation, moment) for organisation, moment in sorted(moments.items()))
    cleared = 0
    while turns and time.monotonic() < until:
        turn = turns.popleft()
        deleted = next(turn, None)
        if deleted is not None:
            cleared += deleted
            turns.append(turn)
    if cleared:
        log.info("Deleted %d reports that were older than their organisations keep them", cleared)
    return cleared


def find_moments() -> dict[int, datetime]:
    """Return, of each organisation that does not keep reports for ever, from when on it does, by the database's
    clock."""
    clock: dict[str, Any] = {"now": ExpressionWrapper(Now(), output_field=DateTimeField())}
    rows: Any = Organisation.objects.exclude(kept_days=None).annotate(**clock).only("pk", "kept_days")
    return {each.pk: each.now - timedelta(days=each.kept_days) for each in rows}


def _clear(organisation: int, moment: datetime) -> Iterator[int]:
    """Yield, statement by statement, how many rows it deleted."""
    last = 0
    of_all = Device.objects.filter(organisation=organisation).order_by("pk").values_list("pk", flat=True)
    while devices := list(of_all.filter(pk__gt=last)[:DEVICES]):
        for table in TABLES:
            deleted = ROWS
            while deleted == ROWS:
                deleted = _delete(table, devices, moment)
                yield deleted
        last = devices[-1]


def _delete(table: Table, devices: list[int], moment: datetime) -> int:
    """Delete some rows of these devices from before that moment, found by the primary key."""
    is_postgresql = connection.vendor == "postgresql"
    among = "= ANY (%s::bigint[])" if is_postgresql else "IN (SELECT value FROM json_each(%s))"
    before = table.adapt(moment)
    with transaction.atomic(), connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"DELETE FROM {table.name} WHERE {table.is_old} AND ({table.key}) IN (SELECT {table.key} "
            f"FROM {table.name} WHERE device_id {among} AND {table.is_old} LIMIT {ROWS})",
            [before, columns.encode_numbers(devices), before],
        )
        return int(cursor.rowcount)
