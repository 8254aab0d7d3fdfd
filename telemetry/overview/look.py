"""One bounded look at the devices of a group and of the groups below it, of which the rest of its page is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from devices.models import Device
from tenants.models import Group

if TYPE_CHECKING:
    from devices.models import DeviceQuerySet
    from devices.mqtt.messages import Value
    from tenants.models import User

MOST = 1_000
"""Devices that are looked at. Of more, what is said is said of these, and that it is."""


class Seen(NamedTuple):
    """Hold what the look found of one device; `values` are those of its present assignment, with milliseconds since the
    epoch."""

    pk: int
    serial: str
    name: str
    version: int
    status: str
    values: dict[str, tuple[Value, int]]


class Look(NamedTuple):
    devices: list[Seen]
    complete: bool  # whether these are all


def find_devices(user: User, group: Group) -> DeviceQuerySet:
    """Return those in use or not of the group's subtree that the user sees; not the retired, as in lists."""
    within = Group.objects.visible_to(user).filter(path__startswith=group.path).order_by()
    return Device.objects.visible_to(user).filter(group__in=within, retired_at=None)


def look_at(user: User, group: Group) -> Look:
    """Look at MOST of the group's devices, by one query whose time does not grow with the fleet: in no order, since
    to sort a fleet is to read it."""
    fields = ("pk", "serial", "name", "version_id", "status", "assignment_id", "latest__assignment_id", "latest__data")
    rows = list(find_devices(user, group).with_status().order_by().values_list(*fields)[: MOST + 1])
    return Look([_read(*row) for row in rows[:MOST]], len(rows) <= MOST)


def _read(
    pk: int, serial: str, name: str, version: int, status: str, assignment: int, of: int | None, data: Any
) -> Seen:
    return Seen(pk, serial, name, version, status, data if data and of == assignment else {})
