"""When devices were last heard, and whether the broker saw them leave: one hot row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.models import Connection, Device, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


def seen(heard: Mapping[int, datetime]) -> None:
    """Devices by primary key, and when each was heard last; one statement."""
    rows = [Connection(device_id=pk, last_seen_at=at) for pk, at in sorted(heard.items())]
    Connection.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["device"], update_fields=["last_seen_at"]
    )


def left(devices: Iterable[int], at: datetime) -> None:
    """The broker saw these connections end."""
    Connection.objects.filter(device__in=devices).update(disconnected_at=at)


def topics(devices: Iterable[Device]) -> list[str]:
    """The live topics whose streams show these devices' state."""
    return [f"device:{device.device_id}" for device in devices]


def record(kind: Event.Kind, devices: Iterable[int]) -> None:
    """One event each, in the devices' current assignments."""
    rows = Device.objects.filter(pk__in=devices).values_list("organisation_id", "pk", "assignment_id")
    Event.objects.bulk_create(
        Event(organisation_id=organisation, device_id=pk, assignment_id=assignment, kind=kind)
        for organisation, pk, assignment in rows
    )
