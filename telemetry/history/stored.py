"""What is stored of stretches of a device's time, in whichever form, read in one statement: so all of it is of one
moment, and nothing is seen twice, or not at all, while it is summed or packed."""

# ruff: noqa: S608 (only names and numbers of ours are put into the text)

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from lib.db.statements import open_cursor
from telemetry.history import packed_sums
from telemetry.history.levels import MILLISECOND
from telemetry.history.rollups import DAY, HOUR
from telemetry.history.runs import LENGTH
from telemetry.ingest.times import EPOCH, count_milliseconds
from telemetry.models import NO_TENURE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from devices.models import Device
    from telemetry.history.levels import Piece


class Packed(NamedTuple):
    day: int  # since the epoch
    summed: bytes | None  # as long as the piece's: its sums, or those of its hours
    body: bytes | None  # where they are not written down, and of a piece that is read from reports


class Stored(NamedTuple):
    """Hold what there is of a piece, each in no order."""

    rollups: list[tuple[int, str]]  # seconds since the epoch, and the text
    packed: list[Packed]
    reports: list[tuple[int, str]]  # milliseconds since the epoch, and values as JSON: long ones cut off


SUMMED = f"CASE piece.seconds WHEN {DAY} THEN old.sums WHEN {HOUR} THEN old.hours END"
VALUE = (
    "CASE WHEN jsonb_typeof(value) IN ('string', 'array', 'object') "
    f"THEN to_jsonb(left(value #>> '{{}}', {LENGTH + 1})) ELSE value END"
)
NAMES = "ARRAY(SELECT json_array_elements_text(%(names)s))"
ROLL_UPS = (
    "old.start, old.data, {none}, {none}",
    "telemetry_rollup AS old WHERE old.device_id = %(device)s AND old.tenure = %(tenure)s "
    "AND old.seconds = piece.seconds AND old.start >= piece.start AND old.start < piece.until",
)
DAYS = (
    f"old.day, NULL, {SUMMED}, CASE WHEN {SUMMED} IS NULL THEN old.body END",
    "telemetry_packedday AS old WHERE old.device_id = %(device)s AND old.tenure = %(tenure)s "
    "AND old.day >= piece.first_day AND old.day <= piece.last_day",
)
REPORTS = (
    "{at}, {values}, NULL, NULL",
    "telemetry_report AS old WHERE piece.seconds = 0 AND old.device_id = %(device)s "
    "AND COALESCE(old.assignment_id, 0) = %(tenure)s AND old.at >= piece.start_at AND old.at < piece.until_at",
)
NUMBERS, TIMES = ("number", "seconds", "start", "until", "first_day", "last_day"), ("start_at", "until_at")


def _write_for_postgresql() -> str:
    """Look for each piece in each table: joined, the planner would read all that a device has."""
    columns = ", ".join([*(f"{name} bigint" for name in NUMBERS), *(f"{name} timestamptz" for name in TIMES)])
    values = f"(SELECT json_object_agg(key, {VALUE}) FROM jsonb_each(old.data) WHERE key = ANY ({NAMES}))::text"
    own = {"none": "NULL::bytea", "at": "floor(extract(epoch FROM old.at) * 1000)::bigint", "values": values}
    told = " UNION ALL ".join(
        f"SELECT {selected.format(**own)} FROM {of}" for selected, of in (ROLL_UPS, DAYS, REPORTS)
    )
    return (
        f"SELECT piece.number, told.* FROM json_to_recordset(%(pieces)s) AS piece ({columns}) "
        f"CROSS JOIN LATERAL ({told} AND old.data ?| {NAMES}) AS told"
    )


def _write_for_sqlite() -> str:
    columns = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in NUMBERS + TIMES)
    pieces = f"(SELECT {columns} FROM json_each(%(pieces)s)) AS piece"
    # `at` as it is stored, not what a converter makes of it.
    own = {"none": "NULL", "at": "old.at || ''", "values": "old.data"}
    return " UNION ALL ".join(
        f"SELECT piece.number, {selected.format(**own)} FROM {pieces} CROSS JOIN {of}"
        for selected, of in (ROLL_UPS, DAYS, REPORTS)
    )


POSTGRESQL, SQLITE = _write_for_postgresql(), _write_for_sqlite()


def read_stored(device: Device, pieces: Sequence[Piece], names: Collection[str]) -> list[Stored]:
    """Return what there is of each piece: roll-ups of its level, packed days that it touches, and of level 0 reports,
    with values of these names at least; all of them of the device's current assignment."""
    stored = [Stored([], [], []) for _ in pieces]
    parameters = {
        "pieces": json.dumps([_describe(*each) for each in enumerate(pieces)], default=str),
        "device": device.pk,
        "tenure": device.assignment_id or NO_TENURE,
        "names": json.dumps(list(names)),
    }
    with open_cursor(connection) as cursor:
        cursor.execute(POSTGRESQL if connection.vendor == "postgresql" else SQLITE, parameters)
        for number, at, text, summed, body in cursor.fetchall():
            if text is None:
                stored[number].packed.append(Packed(at, summed, body))
            elif pieces[number].seconds:
                stored[number].rollups.append((at, text))
            else:
                stored[number].reports.append((_read_time(at), text))
    return stored


def _describe(number: int, piece: Piece) -> dict[str, Any]:
    adapt = connection.ops.adapt_datetimefield_value
    return {
        "number": number,
        "seconds": piece.seconds,
        "start": piece.start // 1000,
        "until": piece.end // 1000,
        "first_day": packed_sums.find_day(piece.start),
        "last_day": packed_sums.find_day(piece.end - 1),
        "start_at": adapt(EPOCH + piece.start * MILLISECOND),
        "until_at": adapt(EPOCH + piece.end * MILLISECOND),
    }


def _read_time(at: int | str) -> int:
    """Return milliseconds since the epoch; SQLite has the time as text."""
    return at if isinstance(at, int) else count_milliseconds(datetime.fromisoformat(at).replace(tzinfo=UTC))
