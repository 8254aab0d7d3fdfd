"""Reports lie in a table a month, on PostgreSQL: what is too old goes with its table, and indexes stay small.

There is no table for what fits no month: while it held a row, none could be made for that row's month; and with it
PostgreSQL reads the newest reports of a device from every month before it takes the last few. So months are made ahead,
and if one is missing after all, whoever stores a report makes it: docs/decisions/0046.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection, transaction
from django.db.utils import DatabaseError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

TABLE = "telemetry_report"
PAST = "telemetry_report_past"
"""What came before there were months: the table as it was."""
MONTHS_AHEAD = 3
LOCK = 7_236_461  # of whoever makes or drops one
PATIENCE = "500ms"  # that reports wait, at most, behind a table that is to be dropped
CHECK_VIOLATION, LOCKED = "23514", "55P03"
EMPTY = 1 << 20  # bytes that an index takes from which on it is worth while

_BOUND = re.compile(r"\('([^']+)'\)")


class Month(NamedTuple):
    """Hold a table of reports, from (None: ever) to (exclusive)."""

    name: str
    start: datetime | None
    end: datetime


def start_month(at: datetime, later: int = 0) -> datetime:
    """Return when the month of this moment begins, in UTC; or one that is so many later."""
    at = at.astimezone(UTC)
    months = at.year * 12 + at.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def list_months() -> list[Month]:
    """Return the tables that there are, the oldest first; on SQLite there are none."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) FROM pg_inherits "
            "JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = %s::regclass",
            [TABLE],
        )
        found = [_read_bounds(name, said) for name, said in cursor.fetchall()]
    return sorted(found, key=lambda month: month.end)


def _read_bounds(name: str, said: str) -> Month:
    """Read `FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00')`; or FROM (MINVALUE)."""
    *start, end = [datetime.fromisoformat(each).astimezone(UTC) for each in _BOUND.findall(said)]
    return Month(name, start[0] if start else None, end)


def make_ahead() -> None:
    """Make the tables of this month and of those that come. Safe to repeat."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    make_months(start_month(now, later) for later in range(MONTHS_AHEAD + 1))


def make_months(moments: Iterable[datetime]) -> None:
    """Make the tables in which reports of these moments belong, where there are none. Nobody waits for it who stores
    or reads reports."""
    wanted = {start_month(moment) for moment in moments}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        known = list_months()
        for start in sorted(wanted):
            if not any(start < month.end and (month.start is None or start >= month.start) for month in known):
                _make_month(start)


def _make_month(start: datetime) -> None:
    """Make it apart and attach it: made in place it would have to wait until nobody reads reports."""
    name, end = f"{TABLE}_{start:%Y_%m}", start_month(start, 1)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {name} "
            f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        )
    log.info("Made %s", name)


def is_missing(error: DatabaseError) -> bool:
    """Decide whether it is because of a month that has no table."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) == CHECK_VIOLATION and "no partition of relation" in str(cause)


def shrink_emptied() -> list[str]:
    """Give back the disk of months of which no report is left, since all were packed; return their names.

    VACUUM frees a table's end by itself, holding up nobody, but leaves the index as long as it was.
    """
    if connection.in_atomic_block:
        return []
    shrunk = []
    with connection.cursor() as cursor:
        for month in list_months():
            has_room = f"pg_indexes_size('{month.name}') > {EMPTY}"
            cursor.execute(f"SELECT {has_room} AND NOT EXISTS (SELECT FROM {month.name})")  # noqa: S608 (of ours)
            if cursor.fetchone()[0]:
                cursor.execute(f"VACUUM {month.name}")
                if _reindex(month.name):
                    shrunk.append(month.name)
    return shrunk


def _reindex(name: str) -> bool:
    """Make its index anew, which is done at once where there is nothing; False where it is being read."""
    return _run_unless_read(f"REINDEX TABLE {name}")


def _run_unless_read(*statements: str) -> bool:
    """Run them in one transaction; False where somebody reads the table for longer than reports can wait."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            for statement in statements:
                cursor.execute(statement)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCKED:
            raise
        return False
    return True


def drop_before(moment: datetime) -> list[str]:
    """Drop the tables in which there is nothing as late as that; return their names.

    A table that somebody reads for longer than reports can wait stays until the next time.
    """
    dropped = []
    for month in list_months():
        if month.end <= moment and _drop(month.name):
            dropped.append(month.name)
    return dropped


def _drop(name: str) -> bool:
    if not _run_unless_read(f"SELECT pg_advisory_xact_lock({LOCK})", f"DROP TABLE IF EXISTS {name}"):
        log.warning("%s is being read, and is dropped the next time", name)
        return False
    log.info("Dropped %s, which was older than anybody keeps reports", name)
    return True
