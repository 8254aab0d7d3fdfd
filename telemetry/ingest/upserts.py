"""The few statements that Django can't say: a whole batch as one JSON parameter, merged into what is stored."""

# ruff: noqa: S608 (only names of ours are put into the text)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Dialect(NamedTuple):
    keys: str
    reports: str
    latest: str
    merged: str
    changed: str
    at: str


POSTGRESQL = Dialect(
    keys="json_to_recordset(%s::json) AS new(n int, device_id bigint, at timestamptz)",
    reports="json_to_recordset(%s::json) AS new"
    "(device_id bigint, at timestamptz, assignment_id bigint, timed boolean, data jsonb)",
    latest="json_to_recordset(%s::json) AS new(device_id bigint, assignment_id bigint, data jsonb)",
    merged="old.data || excluded.data",
    changed="NOT old.data @> excluded.data",
    at="at",
)


def _columns(*names: str) -> str:
    columns = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in names)
    return f"(SELECT {columns} FROM json_each(%s)) AS new"


SQLITE = Dialect(
    keys=_columns("n", "device_id", "at"),
    reports=_columns("device_id", "at", "assignment_id", "timed", "data"),
    latest=_columns("device_id", "assignment_id", "data"),
    merged="json_patch(old.data, excluded.data)",
    changed="json_patch(old.data, excluded.data) <> json(old.data)",
    at="at || ''",  # the text as stored, not what a converter makes of it
)


def _dialect() -> Dialect:
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE


def read_reports(keys: Sequence[tuple[int, datetime]]) -> dict[tuple[int, datetime], dict[str, Any]]:
    """The stored data of those (device, at) that are stored."""
    new = [{"n": n, "device_id": device, "at": _stored(at)} for n, (device, at) in enumerate(keys)]
    # CROSS JOIN holds SQLite to one index look-up a key; PostgreSQL expects few rows of a function, and does the same.
    rows = _run(
        f"SELECT n, old.data FROM {_dialect().keys} CROSS JOIN telemetry_report AS old "
        "WHERE old.device_id = new.device_id AND old.at = new.at",
        new,
    )
    return {keys[n]: json.loads(data) for n, data in rows}


def write_reports(rows: Sequence[tuple[int, datetime, int | None, bool, dict[str, Any]]]) -> set[tuple[int, datetime]]:
    """Inserts or merges; returns the (device, at) that were new or changed.

    What another assignment reported for the same millisecond is replaced, never mixed.
    """
    dialect = _dialect()
    new = [
        {"device_id": device, "at": _stored(at), "assignment_id": assignment, "timed": timed, "data": data}
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
    keys = {(device, _stored(at)): (device, at) for device, at, *_ in rows}
    return {keys[device, at] for device, at in written}


def write_latest(rows: Sequence[tuple[int, int | None, dict[str, Any]]]) -> None:
    new = [{"device_id": device, "assignment_id": assignment, "data": data} for device, assignment, data in rows]
    _run(
        "INSERT INTO telemetry_latest (device_id, assignment_id, data) "
        f"SELECT device_id, assignment_id, data FROM {_dialect().latest} WHERE true "
        "ON CONFLICT (device_id) DO UPDATE SET assignment_id = excluded.assignment_id, data = excluded.data "
        "RETURNING device_id",
        new,
    )


def _stored(at: datetime) -> Any:
    """The time as the database holds it: text on SQLite."""
    return connection.ops.adapt_datetimefield_value(at)


def _run(statement: str, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=str)])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
