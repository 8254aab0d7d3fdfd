"""What a device's page shows of now: its connection and the latest values of its current assignment."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from devices.models import Attribute, Device
from telemetry.history.time_range import BadInput
from telemetry.ingest import gps
from telemetry.ingest.writer import EPOCH
from telemetry.models import Latest, Report
from tenants.models import Group
from tenants.tree import ancestry

if TYPE_CHECKING:
    from datetime import datetime

    from devices.mqtt.messages import Value
    from tenants.access import Viewer

    Values = dict[str, tuple[Value, int]]


@dataclass(frozen=True)
class Reading:
    attribute: Attribute
    value: Value
    at: datetime

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    @property
    def position(self) -> str:
        """In words, if it is one."""
        known = self.attribute.type == Attribute.Type.GPS and gps.is_kept(self.value)
        return gps.words(str(self.value)) if known else ""

    @property
    def is_outside(self) -> bool:
        """Whether it is outside the range that the recipe expects; it is stored all the same."""
        return self.attribute.is_outside(self.value)


def attributes(device: Device) -> list[Attribute]:
    return list(Attribute.objects.filter(version=device.version_id))


def live(device: Device, declared: list[Attribute]) -> dict[str, object]:
    """The context of `_live.html`."""
    values = _values(device)
    readings = _readings(values, declared)
    return {
        "device": device,
        "numbers": [reading for reading in readings if reading.is_number],
        "places": [reading for reading in readings if reading.position],
        "states": [reading for reading in readings if not reading.is_number and not reading.position],
        "last_seen": device.last_seen_at,
        "limited": device.connection if device.shut_out else None,
        "version": version(device.assignment_id, device.status, values, _dropped(device)),
    }


def _dropped(device: Device) -> int | None:
    return device.connection.dropped if device.shut_out else None


def readings(device: Device, declared: list[Attribute]) -> list[Reading]:
    """The latest value of each attribute that was reported in the current assignment."""
    return _readings(_values(device), declared)


def numeric(device: Device, names: list[str]) -> list[str]:
    """The names, if each is a number that the device reports; all of them for none. Raises `BadInput`."""
    declared = [each.name for each in attributes(device) if each.type == Attribute.Type.NUMBER]
    if unknown := [name for name in names if name not in declared]:
        offered = f"It reports {', '.join(declared)}." if declared else "It reports none."
        raise BadInput(f"“{unknown[0][:64]}” is not a number that this device reports. {offered}", "attribute")
    return list(dict.fromkeys(names)) or declared


def table(device: Device, declared: list[Attribute], size: int) -> list[tuple[datetime, list[Value | None]]]:
    """The newest reports, for those who can't see charts."""
    rows = Report.objects.of(device).order_by("-at").values_list("at", "data")[:size]
    return [(at, [data.get(attribute.name) for attribute in declared]) for at, data in rows]


def path(user: Viewer, device: Device) -> list[Group]:
    """The device's group and those above it, as far as the user can see."""
    if device.group is None:
        return []
    return list(Group.objects.visible_to(user).filter(path__in=ancestry(device.group.path)))


def _values(device: Device) -> Values:
    latest = Latest.objects.of(device).values_list("data", flat=True).first()
    return latest or {}


def version(assignment: int | None, status: str, values: Values, dropped: int | None) -> str:
    """A name for what the fragment shows: another one as soon as it would show something else.

    `dropped` are the messages of a device that is shut out, None for one that is not.
    """
    shown = zlib.crc32(json.dumps([values, dropped], sort_keys=True).encode())
    return f"{assignment or 0}-{status}-{shown:08x}"


def _readings(values: Values, declared: list[Attribute]) -> list[Reading]:
    return [_reading(attribute, *values[attribute.name]) for attribute in declared if attribute.name in values]


def _reading(attribute: Attribute, value: Value, ms: int) -> Reading:
    return Reading(attribute, value, EPOCH + timedelta(milliseconds=ms))
