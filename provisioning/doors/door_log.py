"""A door's log as it goes on: who came in, who was refused, and when its newest devices connected, reported and left.

It is read anew from what is kept anyway: of each device, and of each cause, the last of its kind.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from devices.connections import stretches
from devices.models import ConnectedStretch, Connection
from provisioning.models import DoorRefusal, DoorRegistration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from devices.models import Device
    from provisioning.models import Door

DEVICES = 50  # the newest that came by the door: of those the log tells
SHOWN = 50


class Entry(NamedTuple):
    """Hold what happened. `kind` says which of the kinds; without a `device` nobody knows whom it was about."""

    at: datetime
    kind: str
    words: str
    device: Device | None = None
    claimed: str = ""  # what the one that was refused called itself
    detail: str = ""


def read_log(door: Door) -> list[Entry]:
    """Return what happened at the door, the last first."""
    came = {each.device_id: each for each in DoorRegistration.objects.of(door)[:DEVICES]}
    entries = [*_list_comings(came), *_list_refusals(door), *_list_connections(came)]
    return sorted(entries, key=lambda each: (each.at, each.kind), reverse=True)[:SHOWN]


def write_version(entries: list[Entry]) -> str:
    """Return a text that changes whenever the log would."""
    told = [(each.at, each.kind, each.device.pk if each.device else None, each.detail) for each in entries]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _list_comings(came: dict[int, DoorRegistration]) -> Iterator[Entry]:
    for each in came.values():
        yield Entry(each.at, "provision", "Came in", each.device, detail=str(each.key or ""))


def _list_refusals(door: Door) -> Iterator[Entry]:
    for each in DoorRefusal.objects.of(door):
        times = f"{each.count:,} times in all" if each.count > 1 else ""
        yield Entry(each.last_at, "refused", f"Refused: {each.message}", claimed=each.sample, detail=times)


def _list_connections(came: dict[int, DoorRegistration]) -> Iterator[Entry]:
    for heard in Connection.objects.filter(pk__in=came, reported_at__isnull=False):
        assert heard.reported_at is not None
        yield Entry(heard.reported_at, "write", "Reported", came[heard.pk].device)
    last = [key for key in stretches.find_last_keys(came.keys()).values() if key]
    for stretch in ConnectedStretch.objects.filter(pk__in=last):
        device = came[stretch.device_id].device
        yield Entry(stretch.connected_at, "connect", "Connected", device)
        if stretch.ended_at:
            yield Entry(stretch.ended_at, "disconnect", "Disconnected", device, detail=stretch.get_reason_display())
