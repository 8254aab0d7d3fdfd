"""Rows of latest values: a whole batch of them in a statement, merged into what is stored."""

# ruff: noqa: S608 (only names of ours are put into the text)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from lib import columns
from telemetry.ingest.upserts import choose_dialect, dump, is_on_postgresql, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COLUMNS = "device_id, assignment_id, data, ahead, newest, names"


class LatestRow(NamedTuple):
    """Hold a row of `telemetry.models.Latest`."""

    device: int
    assignment: int | None
    data: dict[str, Any]
    ahead: dict[str, Any] | None
    newest: int | None
    names: int | None


def merge(rows: Sequence[LatestRow], encoded: Sequence[str]) -> set[int]:
    """Merge into what is stored, in the order in which all lock it, where that is of another assignment, or none of it
    is newer or from ahead of the clock. Return the devices of which that can't be said: what is stored of them is of
    the same assignment, and locked."""
    if not rows:
        return set()
    dialect = choose_dialect()
    same = f"old.assignment_id {dialect.same} excluded.assignment_id"
    adds = f"{same} AND (old.names = excluded.names) IS NOT TRUE"
    merged = run(
        f"INSERT INTO telemetry_latest AS old ({COLUMNS}) SELECT {COLUMNS} FROM {dialect.latest} WHERE true "
        "ON CONFLICT (device_id) DO UPDATE SET "
        "assignment_id = excluded.assignment_id, ahead = excluded.ahead, newest = excluded.newest, "
        f"data = CASE WHEN {adds} THEN {dialect.merged} ELSE excluded.data END, "
        f"names = CASE WHEN {adds} THEN NULL ELSE excluded.names END "
        f"WHERE NOT ({same}) OR (old.newest <= excluded.newest AND old.ahead IS NULL) RETURNING device_id",
        encoded,
        unless=len(rows),
    )
    return set() if merged is None else {row.device for row in rows} - {device for (device,) in merged}


def read(devices: Iterable[int]) -> list[LatestRow]:
    """Return what is stored of the devices."""
    rows = run(
        f"SELECT {COLUMNS} FROM telemetry_latest WHERE device_id {choose_dialect().among}",
        [columns.encode_numbers(devices)],
    )
    return [
        LatestRow(device, assignment, json.loads(data), ahead and json.loads(ahead), newest, names)
        for device, assignment, data, ahead, newest, names in rows or ()
    ]


def write(rows: Sequence[LatestRow]) -> None:
    """Write them in place of what is stored."""
    if rows:
        run(
            f"INSERT INTO telemetry_latest ({COLUMNS}) SELECT {COLUMNS} FROM {choose_dialect().latest} WHERE true "
            "ON CONFLICT (device_id) DO UPDATE SET assignment_id = excluded.assignment_id, data = excluded.data, "
            "ahead = excluded.ahead, newest = excluded.newest, names = excluded.names",
            encode(rows),
        )


def encode(rows: Sequence[LatestRow]) -> list[str]:
    """Return them as `merge` takes them."""
    if not rows:
        return []
    if not is_on_postgresql():
        return dump([dict(zip(COLUMNS.split(", "), row, strict=True)) for row in rows])
    devices, assignments, data, ahead, newest, names = zip(*rows, strict=True)
    return [
        *map(columns.encode_numbers, (devices, assignments)),
        *map(json.dumps, (data, ahead)),
        *map(columns.encode_numbers, (newest, names)),
    ]
