"""The latest values of a device, as the device itself may read them back; and a few of each device of a list."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from devices.models import Attribute
from lib import columns
from lib.prepared import Whole, prepared
from telemetry.models import Latest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from devices.models import Device
    from devices.mqtt.messages import Value

    Data = dict[str, tuple[Value, int]]

KEY_VALUES = 2  # of a device that a list shows: the first that its recipe declares

MOST = 50_000  # attributes, and recipe versions, that a process knows: some fifty megabytes
_declared: dict[int, list[Attribute]] = {}  # of each recipe version seen: its attributes never change


def read_latest(device: Device) -> dict[str, tuple[Value, int]]:
    """Return what it reported last in its current assignment: attribute name -> value and milliseconds since the
    epoch."""
    data = Latest.objects.of(device).values_list("data", flat=True).first() or {}
    return {name: (value, at) for name, (value, at) in data.items()}


def read_key_values(devices: Iterable[Device]) -> dict[int, list[tuple[Attribute, Value]]]:
    """Return by primary key what each reported last of its recipe's first attributes: one query, and one for recipe
    versions that this process meets first."""
    known = {device.pk: device for device in devices}
    if not known:
        return {}
    declared = _read_declared(device.version_id for device in known.values())
    return {
        pk: _choose_key_values(declared[known[pk].version_id], data)
        for pk, assignment, data in _select_latest(Whole(columns.encode_numbers(known)))
        if assignment == known[pk].assignment_id
    }


@prepared
def _select_latest(devices: Whole) -> QuerySet[Latest, tuple[int, int | None, Data]]:
    rows = Latest.objects.filter(device__one_of=devices)
    return rows.values_list("device_id", "assignment_id", "data")


def _choose_key_values(attributes: Iterable[Attribute], data: Data) -> list[tuple[Attribute, Value]]:
    shown = (each for each in attributes if each.name in data and each.type != Attribute.Type.GPS)
    return [(each, data[each.name][0]) for each in islice(shown, KEY_VALUES)]


def list_declared(version: int) -> list[Attribute]:
    """Return the attributes of a recipe version, in its order: one query for one that this process meets first."""
    return _read_declared([version])[version]


def _read_declared(versions: Iterable[int]) -> dict[int, list[Attribute]]:
    """Return the attributes of these versions; another thread may forget them meanwhile."""
    told = {version: _declared.get(version) for version in set(versions)}
    known = {version: attributes for version, attributes in told.items() if attributes is not None}
    if missing := told.keys() - known.keys():
        found: dict[int, list[Attribute]] = {version: [] for version in missing}
        for attribute in Attribute.objects.filter(version__in=missing):
            found[attribute.version_id].append(attribute)
        if sum(1 + len(attributes) for attributes in list(_declared.values())) >= MOST:
            _declared.clear()
        _declared.update(found)
        known |= found
    return known
