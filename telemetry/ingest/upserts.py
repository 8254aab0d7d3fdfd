"""The few statements that Django can't say: a whole batch in a few parameters, merged into what is stored."""

# ruff: noqa: S608 (only names of ours are put into the text)

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from lib import columns
from lib.db.aside import run_aside
from telemetry.models import SAMPLES_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future


class Dialect(NamedTuple):
    keys: str
    reports: str
    latest: str
    drops: str
    merged: str
    changed: str
    at: str
    among: str
    same: str


_AT = "timestamptz 'epoch' + us * interval '1 microsecond'"  # exact: whole numbers below 2**53

POSTGRESQL = Dialect(
    keys=f"(SELECT n - 1 AS n, device_id, {_AT} AS at FROM ROWS FROM (unnest(%s::bigint[]), unnest(%s::bigint[]))"
    " WITH ORDINALITY AS row (device_id, us, n)) AS new",
    reports=f"(SELECT device_id, {_AT} AS at, assignment_id, timed, data FROM ROWS FROM (unnest(%s::bigint[]),"
    " unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::boolean[]), jsonb_array_elements(%s::jsonb))"
    " AS row (device_id, us, assignment_id, timed, data)) AS new",
    latest="(SELECT device_id, assignment_id, data, NULLIF(ahead, 'null') AS ahead, newest, names FROM ROWS FROM"
    " (unnest(%s::bigint[]), unnest(%s::bigint[]), jsonb_array_elements(%s::jsonb), jsonb_array_elements(%s::jsonb),"
    " unnest(%s::bigint[]), unnest(%s::bigint[]))"
    " AS row (device_id, assignment_id, data, ahead, newest, names)) AS new",
    drops="json_to_recordset(%s::json) AS new"
    "(device_id bigint, cause text, assignment_id bigint, count bigint, first_at timestamptz, last_at timestamptz,"
    " sample text)",
    merged="old.data || excluded.data",
    changed="NOT old.data @> excluded.data",
    at="at",
    among="= ANY (%s::bigint[])",
    same="IS NOT DISTINCT FROM",
)


def _select_columns(*names: str) -> str:
    columns = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in names)
    return f"(SELECT {columns} FROM json_each(%s)) AS new"


SQLITE = Dialect(
    keys=_select_columns("n", "device_id", "at"),
    reports=_select_columns("device_id", "at", "assignment_id", "timed", "data"),
    latest=_select_columns("device_id", "assignment_id", "data", "ahead", "newest", "names"),
    drops=_select_columns("device_id", "cause", "assignment_id", "count", "first_at", "last_at", "sample"),
    merged="json_patch(old.data, excluded.data)",
    changed="json_patch(old.data, excluded.data) <> json(old.data)",
    at="at || ''",  # the text as stored, not what a converter makes of it
    among="IN (SELECT value FROM json_each(%s))",
    same="IS",
)

MANY = 500  # rows that take the database long enough
Key = tuple[int, datetime]
ReportRow = tuple[int, datetime, int | None, bool, dict[str, Any]]
LyingRow = tuple[int, int | None, bool, int, str]
"""Device, assignment, whether it gave the time itself, microseconds since the epoch, and the values as JSON."""


def is_on_postgresql() -> bool:
    return connection.vendor == "postgresql"


def choose_dialect() -> Dialect:
    return POSTGRESQL if is_on_postgresql() else SQLITE


def read_reports(keys: Sequence[Key]) -> dict[Key, dict[str, Any]]:
    """Return the stored data of those (device, at) that are stored."""
    if is_on_postgresql():
        params = [columns.encode_numbers(device for device, _ in keys), _encode_times(at for _, at in keys)]
    else:
        params = dump([{"n": n, "device_id": device, "at": _adapt_time(at)} for n, (device, at) in enumerate(keys)])
    # CROSS JOIN holds SQLite to one index look-up a key; PostgreSQL expects few rows of a function, and does the same.
    rows = run(
        f"SELECT n, old.data FROM {choose_dialect().keys} CROSS JOIN telemetry_report AS old "
        "WHERE old.device_id = new.device_id AND old.at = new.at",
        params,
    )
    return {keys[n]: json.loads(data) for n, data in rows or ()}


@contextmanager
def inserting_reports(rows: Sequence[ReportRow]) -> Iterator[Future[set[Key]]]:
    """Insert those of which nothing is stored, while the block runs (see `lib.db.aside`); its result are the
    (device, at) of the others."""
    params = _encode_reports(rows) if rows else []
    with run_aside(lambda: _insert(rows, params), here=len(rows) < MANY or not is_on_postgresql()) as inserted:
        yield inserted


def insert_reports(rows: Sequence[ReportRow]) -> set[Key]:
    """Insert those of which nothing is stored; return the (device, at) of the others."""
    return _insert(rows, _encode_reports(rows)) if rows else set()


def _insert(rows: Sequence[ReportRow], params: Sequence[str]) -> set[Key]:
    if not rows:
        return set()
    inserted = run(
        "INSERT INTO telemetry_report (device_id, at, assignment_id, timed, data) "
        f"SELECT device_id, at, assignment_id, timed, data FROM {choose_dialect().reports} WHERE true "
        f"ON CONFLICT (device_id, at) DO NOTHING RETURNING device_id, {choose_dialect().at}",
        params,
        unless=len(rows),
    )
    return set() if inserted is None else {row[:2] for row in rows} - _find_keys(rows, inserted)


def write_reports(rows: Sequence[ReportRow]) -> set[Key]:
    """Insert or merge; return the (device, at) that were new or changed.

    What another assignment reported for the same millisecond is replaced, never mixed.
    """
    if not rows:
        return set()
    dialect = choose_dialect()
    written = run(
        "INSERT INTO telemetry_report AS old (device_id, at, assignment_id, timed, data) "
        f"SELECT device_id, at, assignment_id, timed, data FROM {dialect.reports} WHERE true "
        "ON CONFLICT (device_id, at) DO UPDATE SET "
        "data = CASE WHEN excluded.assignment_id IS NULL OR excluded.assignment_id = old.assignment_id "
        f"THEN {dialect.merged} ELSE excluded.data END, "
        "assignment_id = COALESCE(excluded.assignment_id, old.assignment_id), "
        "timed = old.timed AND excluded.timed "
        f"WHERE {dialect.changed} RETURNING device_id, {dialect.at}",
        _encode_reports(rows),
    )
    return _find_keys(rows, written or [])


def delete_reports(keys: Sequence[Key]) -> None:
    """Delete those (device, at)."""
    if not keys:
        return
    if is_on_postgresql():
        params = [columns.encode_numbers(device for device, _ in keys), _encode_times(at for _, at in keys)]
    else:
        params = dump([{"n": n, "device_id": device, "at": _adapt_time(at)} for n, (device, at) in enumerate(keys)])
    run(
        f"DELETE FROM telemetry_report WHERE (device_id, at) IN (SELECT device_id, at FROM {choose_dialect().keys})",
        params,
    )


def read_lying(devices: Sequence[int], start: datetime, end: datetime) -> list[LyingRow]:
    """Return what these devices reported from `start` to before `end`, in the order of devices and times."""
    return _run_lying("SELECT {told} FROM telemetry_report WHERE {which}", devices, start, end)


def take_reports(devices: Sequence[int], start: datetime, end: datetime) -> list[LyingRow]:
    """Delete the same, and return it: exactly what was deleted, as it was last merged."""
    if is_on_postgresql():  # in the order in which all lock them who merge
        locking = "SELECT FROM telemetry_report WHERE {which} ORDER BY device_id, at FOR UPDATE"
        _run_lying(locking, devices, start, end)
    return _run_lying("DELETE FROM telemetry_report WHERE {which} RETURNING {told}", devices, start, end)


def _run_lying(statement: str, devices: Sequence[int], start: datetime, end: datetime) -> list[LyingRow]:
    told = "(EXTRACT(EPOCH FROM at) * 1000000)::bigint, data::text" if is_on_postgresql() else "at || '', data"
    which = f"device_id {choose_dialect().among} AND at >= %s AND at < %s"
    rows = run(
        statement.format(told=f"device_id, assignment_id, timed, {told}", which=which),
        [columns.encode_numbers(devices), _adapt_time(start), _adapt_time(end)],
    )
    found = [(*row[:2], bool(row[2]), _read_microseconds(row[3]), row[4]) for row in rows or [] if row]
    return sorted(found, key=itemgetter(0, 3))


def _read_microseconds(at: int | str) -> int:
    return at if isinstance(at, int) else columns.count_microseconds(datetime.fromisoformat(f"{at}+00:00"))


def _encode_reports(rows: Sequence[ReportRow]) -> list[str]:
    if not is_on_postgresql():
        names = ("device_id", "at", "assignment_id", "timed", "data")
        return dump([dict(zip(names, (row[0], _adapt_time(row[1]), *row[2:]), strict=True)) for row in rows])
    devices, times, assignments, timed, data = zip(*rows, strict=True)
    return [
        columns.encode_numbers(devices),
        _encode_times(times),
        columns.encode_numbers(assignments),
        columns.encode_flags(timed),
        json.dumps(data),
    ]


def _find_keys(rows: Sequence[ReportRow], written: Sequence[Row]) -> set[Key]:
    """Return those of the rows' keys that the database names, in its own writing."""
    keys = {(row[0], _adapt_time(row[1])): row[:2] for row in rows}
    return {keys[device, at] for device, at in written}


DropRow = tuple[int, str, int | None, int, datetime, datetime, str]


def write_drops(rows: Sequence[DropRow]) -> None:
    """Insert or add. What another assignment dropped is replaced; what came before an assignment began is of none.

    Samples are lines, the newest first: what stands there already is not added, what has no room any more is cut off.
    """
    if not rows:
        return
    dialect = choose_dialect()
    names = ("device_id", "cause", "assignment_id", "count", "first_at", "last_at", "sample")
    new: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    for row in new:
        row["first_at"], row["last_at"] = _adapt_time(row["first_at"]), _adapt_time(row["last_at"])
    same = "old.assignment_id = excluded.assignment_id OR COALESCE(old.assignment_id, excluded.assignment_id) IS NULL"
    known = "replace('\n' || old.sample || '\n', '\n' || excluded.sample || '\n', '') <> '\n' || old.sample || '\n'"
    more = f"substr(excluded.sample || '\n' || old.sample, 1, {SAMPLES_LENGTH})"
    run(
        f"INSERT INTO telemetry_drop AS old ({', '.join(names)}) "
        "SELECT new.device_id, new.cause, begun.id, new.count, new.first_at, new.last_at, new.sample "
        f"FROM {dialect.drops} LEFT JOIN devices_assignment AS begun "
        "ON begun.id = new.assignment_id AND begun.opened_at <= new.first_at WHERE true "
        "ON CONFLICT (device_id, cause) DO UPDATE SET "
        f"count = CASE WHEN {same} THEN old.count ELSE 0 END + excluded.count, "
        f"first_at = CASE WHEN {same} THEN old.first_at ELSE excluded.first_at END, "
        f"sample = CASE WHEN {same} THEN CASE WHEN excluded.sample = '' OR {known} THEN old.sample ELSE {more} END "
        "ELSE excluded.sample END, "
        "last_at = excluded.last_at, assignment_id = excluded.assignment_id",
        dump(new),
    )


def _adapt_time(at: datetime) -> Any:
    """Return the time as the database holds it: text on SQLite."""
    return connection.ops.adapt_datetimefield_value(at)


def _encode_times(times: Iterable[datetime]) -> str:
    return columns.encode_numbers(map(columns.count_microseconds, times))


def dump(rows: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(rows, default=str)]


Row = tuple[Any, ...]


def run(statement: str, params: Sequence[Any], *, unless: int = -1) -> list[Row] | None:
    """Return its rows; None if there are none, or as many as `unless` says: then they are not even read."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        if cursor.description is None or (is_on_postgresql() and cursor.rowcount == unless):
            return None
        rows: list[Row] = cursor.fetchall()
    return None if len(rows) == unless else rows
