"""Which device is lowest and highest now, of each number that recipes declare."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from devices.models import Attribute
from telemetry.ingest.times import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from telemetry.overview.look import Seen


class End(NamedTuple):
    device: Seen
    value: float
    at: datetime


class Extremes(NamedTuple):
    """Hold the ends of one attribute; `devices` of those looked at have reported it."""

    attribute: Attribute
    lowest: End
    highest: End
    devices: int


def find_extremes(devices: Iterable[Seen], declared: Iterable[Attribute]) -> list[Extremes]:
    """Return those of each name and unit, in the recipes' order: the words are of the newest version that the devices
    have. Of equal values the first name stands."""
    versions: dict[int, list[Attribute]] = {}
    newest: dict[tuple[str, str], Attribute] = {}
    for attribute in sorted(declared, key=lambda each: each.version_id):
        if attribute.type == Attribute.Type.NUMBER:
            versions.setdefault(attribute.version_id, []).append(attribute)
            newest[attribute.name, attribute.unit] = attribute
    found: dict[tuple[str, str], list[End]] = {}
    for device in devices:
        for attribute in versions.get(device.version, ()):
            if (end := _read_end(device, attribute.name)) is not None:
                found.setdefault((attribute.name, attribute.unit), []).append(end)
    ordered = sorted(newest.values(), key=lambda each: (each.position, each.label, each.pk))
    return [
        Extremes(each, min(ends, key=_by_value), min(ends, key=_by_value_down), len(ends))
        for each in ordered
        if (ends := found.get((each.name, each.unit)))
    ]


def _read_end(device: Seen, name: str) -> End | None:
    value, ms = device.values.get(name, (None, 0))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return End(device, value, EPOCH + timedelta(milliseconds=ms))


def _by_value(end: End) -> tuple[float, str, int]:
    return end.value, end.device.name, end.device.pk


def _by_value_down(end: End) -> tuple[float, str, int]:
    return -end.value, end.device.name, end.device.pk
