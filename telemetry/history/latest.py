"""The latest values of a device, as the device itself may read them back; and a few of each device of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F

from devices.models import Attribute
from telemetry.models import Latest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import Device
    from devices.mqtt.messages import Value

KEY_VALUES = 2  # of a device that a list shows: the first that its recipe declares

_declared: dict[int, list[Attribute]] = {}  # of each recipe version seen: its attributes never change


def read_latest(device: Device) -> dict[str, tuple[Value, int]]:
    """Return what it reported last in its current assignment: attribute name -> value and milliseconds since the
    epoch."""
    data = Latest.objects.of(device).values_list("data", flat=True).first() or {}
    return {name: (value, at) for name, (value, at) in data.items()}


def read_key_values(devices: Iterable[Device]) -> dict[int, list[tuple[Attribute, Value]]]:
    """Return by primary key what each reported last of its recipe's first attributes: one query, and one for recipe
    versions that this process meets first."""
    versions = {device.pk: device.version_id for device in devices}
    if missing := set(versions.values()) - _declared.keys():
        _declared.update({version: [] for version in missing})
        for attribute in Attribute.objects.filter(version__in=missing).exclude(type=Attribute.Type.GPS):
            _declared[attribute.version_id].append(attribute)
    rows = Latest.objects.filter(device__in=versions, assignment=F("device__assignment"))
    return {
        device: [(each, data[each.name][0]) for each in _declared[versions[device]] if each.name in data][:KEY_VALUES]
        for device, data in rows.values_list("device_id", "data")
    }
