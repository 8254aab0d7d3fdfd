"""Who sent a batch: what has to be known of its devices, read anew for every batch in one narrow query.

It holds them too: none of them is deleted before the transaction ends, so that no report of a deleted device is left.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import BigIntegerField, BooleanField, F, Func, Q
from django.db.models.expressions import RawSQL

from devices.models import Device
from lib import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    Select = Callable[[str], QuerySet[Device, Any]]

MOST_KEPT = 100_000
FIELDS = ("id", "device_id", "organisation_id", "version_id", "assignment_id")
"""In the model's order."""

FLAGS = ("admitted", "is_new")

VALUES = "values"
Row = tuple[Any, ...]


class Tenure(NamedTuple):
    """Hold a device's current assignment, if it has one, and since when."""

    assignment: int | None
    since: datetime | None

    def of(self, at: datetime) -> int | None:
        return self.assignment if self.since is not None and at >= self.since else None


class Sender(NamedTuple):
    device: Device
    tenure: Tenure
    admitted: bool
    is_new: bool  # never activated


_made: dict[str, tuple[Row, Device]] = {}
"""By device ID the row that was read last, and the device made of it: as long as the row is the same, so is it."""


_tenures: dict[int, tuple[int, Tenure]] = {}
NOBODYS = Tenure(None, None)


def find_senders(ids: Collection[str]) -> dict[str, Sender]:
    """Return who of them exists, by device ID, as they are now; of a device other fields than FIELDS are read when
    they are asked for."""
    if not ids:
        return {}
    rows = _hold(_select_senders, columns.encode_texts(ids))
    return {
        row[1]: Sender(_make_device(row[:-3]), _make_tenure(assignment, since), admitted, is_new)
        for row in rows
        for assignment, since, admitted, is_new in (row[-4:],)
    }


def read_tenures(devices: Collection[int]) -> dict[int, Tenure]:
    """Return the assignments of those of the devices, by primary key, that exist."""
    rows = _hold(_select_tenures, columns.encode_numbers(devices))
    return {pk: _make_tenure(assignment, since) for pk, assignment, since in rows}


def _select_senders(ids: str) -> QuerySet[Device, Any]:
    known = Device.objects.with_admitted().filter(_is_among("device_id", ids))
    return known.annotate(is_new=Q(activated_at=None), since=_since()).values_list(*FIELDS, "since", *FLAGS)


def _select_tenures(devices: str) -> QuerySet[Device, Any]:
    known = Device.objects.filter(_is_among("id", devices))
    return known.annotate(since=_since()).values_list("pk", "assignment_id", "since")


def _hold(select: Select, values: str) -> Iterable[Row]:
    """Return the rows, and on PostgreSQL keep these devices from being deleted until the transaction ends.

    One that is being deleted is waited for, and then is gone. All who hold several do so in this order. (On SQLite
    whoever writes is alone, but for what was read before: the constraints that it checks at the end are of no cost.)
    """
    if connection.vendor != "postgresql":
        return select(values).order_by()
    statement, params = _write_holding(select)
    with connection.cursor() as cursor:
        cursor.execute(statement, [values if param == VALUES else param for param in params])
        rows: list[Row] = cursor.fetchall()
    return rows


@cache
def _write_holding(select: Select) -> tuple[str, tuple[Any, ...]]:
    """Return the statement, written once, and its parameters, VALUES among them."""
    statement, params = select(VALUES).order_by("pk").query.sql_with_params()
    return f"{statement} FOR KEY SHARE OF devices_device", params


def make_fresh(device: Device) -> Device:
    """Return the device with nothing that was read of it earlier than for this batch."""
    return _build(tuple(getattr(device, name) for name in FIELDS))


def _make_tenure(assignment: int | None, since: int | None) -> Tenure:
    """Return the tenure that began so many microseconds after the epoch."""
    if assignment is None or since is None:
        return NOBODYS
    known = _tenures.get(assignment)
    if known is None or known[0] != since:
        if len(_tenures) > MOST_KEPT:
            _tenures.clear()
        known = _tenures[assignment] = since, Tenure(assignment, columns.make_time(since))
    return known[1]


def _since() -> Any:
    """Return when the current assignment began, in microseconds since the epoch: times are costly to read."""
    began = F("assignment__opened_at")
    if connection.vendor == "postgresql":
        template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
    else:
        whole, rest = "STRFTIME('%%%%s', %(expressions)s)", "SUBSTR(%(expressions)s || '000000', 21, 6)"
        template = f"CAST({whole} AS INTEGER) * 1000000 + CAST({rest} AS INTEGER)"
    return Func(began, template=template, output_field=BigIntegerField())


def _make_device(row: Row) -> Device:
    former = _made.get(row[1])
    if former is not None and former[0] == row:
        return former[1]
    if len(_made) > MOST_KEPT:
        _made.clear()
    device = _build(row)
    _made[row[1]] = row, device
    return device


def _build(row: Row) -> Device:
    return Device.from_db(connection.alias, FIELDS, row)


def _is_among(column: str, values: str) -> Any:
    """Return the condition that a column is one of many values, as one parameter: a list of them costs more to write
    than to look up."""
    kind = "text" if column == "device_id" else "bigint"
    many = f"= ANY (%s::{kind}[])" if connection.vendor == "postgresql" else "IN (SELECT value FROM json_each(%s))"
    return RawSQL(f'"devices_device"."{column}" {many}', [values], output_field=BooleanField())  # noqa: S611
