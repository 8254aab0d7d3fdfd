"""The few statements that Django can't say: a whole batch as one JSON parameter, merged into what is stored."""

# ruff: noqa: S608 (only names of ours are put into the text)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from telemetry.models import SAMPLES_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Dialect(NamedTuple):
    keys: str
    reports: str
    latest: str
    drops: str
    merged: str
    changed: str
    at: str


POSTGRESQL = Dialect(
    keys="json_to_recordset(%s::json) AS new(n int, device_id bigint, at timestamptz)",
    reports="json_to_recordset(%s::json) AS new"
    "(device_id bigint, at timestamptz, assignment_id bigint, timed boolean, data jsonb)",
    latest="json_to_recordset(%s::json) AS new(device_id bigint, assignment_id bigint, data jsonb, ahead jsonb)",
    drops="json_to_recordset(%s::json) AS new"
    "(device_id bigint, cause text, assignment_id bigint, count bigint, first_at timestamptz, last_at timestamptz,"
    " sample text)",
    merged="old.data || excluded.data",
    changed="NOT old.data @> excluded.data",
    at="at",
)


def _select_columns(*names: str) -> str:
    columns = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in names)
    return f"(SELECT {columns} FROM json_each(%s)) AS new"


SQLITE = Dialect(
    keys=_select_columns("n", "device_id", "at"),
    reports=_select_columns("device_id", "at", "assignment_id", "timed", "data"),
    latest=_select_columns("device_id", "assignment_id", "data", "ahead"),
    drops=_select_columns("device_id", "cause", "assignment_id", "count", "first_at", "last_at", "sample"),
    merged="json_patch(old.data, excluded.data)",
    changed="json_patch(old.data, excluded.data) <> json(old.data)",
    at="at || ''",  # the text as stored, not what a converter makes of it
)


def _choose_dialect() -> Dialect:
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE


def read_reports(keys: Sequence[tuple[int, datetime]]) -> dict[tuple[int, datetime], dict[str, Any]]:
    """Return the stored data of those (device, at) that are stored."""
    new = [{"n": n, "device_id": device, "at": _adapt_time(at)} for n, (device, at) in enumerate(keys)]
    # CROSS JOIN holds SQLite to one index look-up a key; PostgreSQL expects few rows of a function, and does the same.
    rows = _run(
        f"SELECT n, old.data FROM {_choose_dialect().keys} CROSS JOIN telemetry_report AS old "
        "WHERE old.device_id = new.device_id AND old.at = new.at",
        new,
    )
    return {keys[n]: json.loads(data) for n, data in rows}


def write_reports(rows: Sequence[tuple[int, datetime, int | None, bool, dict[str, Any]]]) -> set[tuple[int, datetime]]:
    """Insert or merge; return the (device, at) that were new or changed.

    What another assignment reported for the same millisecond is replaced, never mixed.
    """
    dialect = _choose_dialect()
    new = [
        {"device_id": device, "at": _adapt_time(at), "assignment_id": assignment, "timed": timed, "data": data}
        for device, at, assignment, timed, data in rows
    ]
    written = _run(
        "INSERT INTO telemetry_report AS old (device_id, at, assignment_id, timed, data) "
        f"SELECT device_id, at, assignment_id, timed, data FROM {dialect.reports} WHERE true "
        "ON CONFLICT (device_id, at) DO UPDATE SET "
        "data = CASE WHEN excluded.assignment_id IS NULL OR excluded.assignment_id = old.assignment_id "
        f"THEN {dialect.merged} ELSE excluded.data END, "
        "assignment_id = COALESCE(excluded.assignment_id, old.assignment_id), "
        "timed = old.timed AND excluded.timed "
        f"WHERE {dialect.changed} RETURNING device_id, {dialect.at}",
        new,
    )
    keys = {(device, _adapt_time(at)): (device, at) for device, at, *_ in rows}
    return {keys[device, at] for device, at in written}


def write_latest(rows: Sequence[tuple[int, int | None, dict[str, Any], dict[str, Any] | None]]) -> None:
    names = ("device_id", "assignment_id", "data", "ahead")
    new: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    _run(
        f"INSERT INTO telemetry_latest ({', '.join(names)}) "
        f"SELECT {', '.join(names)} FROM {_choose_dialect().latest} WHERE true "
        "ON CONFLICT (device_id) DO UPDATE SET assignment_id = excluded.assignment_id, data = excluded.data, "
        "ahead = excluded.ahead "
        "RETURNING device_id",
        new,
    )


DropRow = tuple[int, str, int | None, int, "datetime", "datetime", str]


def write_drops(rows: Sequence[DropRow]) -> None:
    """Insert or add. What another assignment dropped is replaced; what came before an assignment began is of none.

    Samples are lines, the newest first: what stands there already is not added, what has no room any more is cut off.
    """
    dialect = _choose_dialect()
    names = ("device_id", "cause", "assignment_id", "count", "first_at", "last_at", "sample")
    new: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    for row in new:
        row["first_at"], row["last_at"] = _adapt_time(row["first_at"]), _adapt_time(row["last_at"])
    same = "old.assignment_id = excluded.assignment_id OR COALESCE(old.assignment_id, excluded.assignment_id) IS NULL"
    known = "replace('\n' || old.sample || '\n', '\n' || excluded.sample || '\n', '') <> '\n' || old.sample || '\n'"
    more = f"substr(excluded.sample || '\n' || old.sample, 1, {SAMPLES_LENGTH})"
    _run(
        f"INSERT INTO telemetry_drop AS old ({', '.join(names)}) "
        "SELECT new.device_id, new.cause, begun.id, new.count, new.first_at, new.last_at, new.sample "
        f"FROM {dialect.drops} LEFT JOIN devices_assignment AS begun "
        "ON begun.id = new.assignment_id AND begun.opened_at <= new.first_at WHERE true "
        "ON CONFLICT (device_id, cause) DO UPDATE SET "
        f"count = CASE WHEN {same} THEN old.count ELSE 0 END + excluded.count, "
        f"first_at = CASE WHEN {same} THEN old.first_at ELSE excluded.first_at END, "
        f"sample = CASE WHEN {same} THEN CASE WHEN excluded.sample = '' OR {known} THEN old.sample ELSE {more} END "
        "ELSE excluded.sample END, "
        "last_at = excluded.last_at, assignment_id = excluded.assignment_id "
        "RETURNING device_id",
        new,
    )


def _adapt_time(at: datetime) -> Any:
    """Return the time as the database holds it: text on SQLite."""
    return connection.ops.adapt_datetimefield_value(at)


def _run(statement: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=str)])
        answer: list[tuple[Any, ...]] = cursor.fetchall()
        return answer
