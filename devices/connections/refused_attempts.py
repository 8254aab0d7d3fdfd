"""What doors refused of known devices: counted by device and reason, for those who may register or manage them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction

from devices.access import manages
from devices.models import Device, RefusedAttempt
from lib import live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.refusals import Kind
    from tenants.access import Viewer

AT_ONCE = 500  # rows of a statement
NOW = {"postgresql": "statement_timestamp()", "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"}


class Counted(NamedTuple):
    """Hold how often a door refused a device, by primary keys of it and its assignment, for one reason of late."""

    device: int
    assignment: int | None
    door: str
    kind: Kind
    facts: Mapping[str, Any]
    times: int


def build_topic(device: int) -> str:
    """Return the live topic of what is refused of the device with this primary key."""
    return f"refused:{device}"


def record_attempts(attempts: Sequence[Counted]) -> None:
    """Add to what is counted, by the database's clock: one statement for hundreds. Of a device and a reason there is
    one among them. In another assignment than the last time counting begins anew. Announced after the commit."""
    ordered = sorted(attempts, key=lambda each: (each.device, each.kind.code))  # two processes wait for no circle
    for start in range(0, len(ordered), AT_ONCE):
        _upsert(ordered[start : start + AT_ONCE])
    transaction.on_commit(lambda: live.announce(build_topic(each.device) for each in ordered))


def _upsert(rows: Sequence[Counted]) -> None:
    now, table = NOW[connection.vendor], RefusedAttempt._meta.db_table
    values = ",".join([f"(%s, %s, %s, %s, %s, %s, {now}, {now})"] * len(rows))
    same = f"coalesce({table}.assignment_id, 0) = coalesce(excluded.assignment_id, 0)"
    statement = f"""
        INSERT INTO {table} (device_id, assignment_id, door, reason, facts, count, first_at, last_at) VALUES {values}
        ON CONFLICT (device_id, reason) DO UPDATE SET
            count = excluded.count + CASE WHEN {same} THEN {table}.count ELSE 0 END,
            first_at = CASE WHEN {same} THEN {table}.first_at ELSE excluded.first_at END,
            assignment_id = excluded.assignment_id, door = excluded.door, facts = excluded.facts,
            last_at = excluded.last_at
    """  # noqa: S608
    given = (
        (each.device, each.assignment, each.door, each.kind.code, json.dumps(dict(each.facts)), each.times)
        for each in rows
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in given for value in row])


def may_see_attempts(user: Viewer, device: Device) -> bool:
    """Decide whether the user may know what was refused of the device: who manages it, or may register it."""
    return manages(user, device) or Device.objects.registrable_by(user).filter(pk=device.pk).exists()


def was_refused_since(device: Device) -> bool:
    """Return whether something was refused of the device since it was heard last."""
    last, heard = device.attempted_at, device.last_seen_at
    return last is not None and not (heard and last <= heard)


def list_attempts(user: Viewer, device: Device) -> list[RefusedAttempt]:
    """Return what was refused of the device since it was heard last, if the user may know, the last one first.

    `device` is as devices.access.get_device loads it: mostly that tells that there is nothing to be asked for.
    """
    if not was_refused_since(device) or not may_see_attempts(user, device):
        return []
    return list(RefusedAttempt.objects.of(device).unresolved())
