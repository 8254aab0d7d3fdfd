"""Who speaks for whom, as far as a person sees both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from devices.access import get_device
from devices.identity import serials
from devices.models import Device, Tie
from devices.refusals import TIE_UNKNOWN_GATEWAY
from lib.prepared import prepared
from lib.refusals import Refusal
from tenants.access import get_row
from tenants.models import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

    from tenants.models import User

OFFERED = 50


class Ties(NamedTuple):
    """Hold through whom a device speaks, and for whom it does, by name."""

    gateways: list[Device]
    spoken_for: list[Device]


def list_ties(user: User | AnonymousUser, device: Device) -> Ties:
    """Return the device's ties that hold, in one query."""
    rows = _select_ties(user, device.pk)
    return Ties(
        [row.gateway for row in rows if row.device_id == device.pk],
        [row.device for row in rows if row.gateway_id == device.pk],
    )


@prepared
def _select_ties(user: User | AnonymousUser, device: int) -> QuerySet[Tie]:
    standing = Tie.objects.visible_to(user).standing().select_related("device", "gateway")
    return standing.filter(Q(device=device) | Q(gateway=device)).order_by("gateway__name", "device__name", "pk")


def get_gateway(user: User, device: Device, serial: str, *, role: Role = Role.VIEWER) -> Device:
    """Return the gateway of this serial that may speak for the device now; else the 404."""
    through = Tie.objects.visible_to(user).standing().filter(device=device).values("gateway")
    return get_row(Device.objects.visible_to(user, role).filter(pk__in=through), serial_key=serials.fold(serial))


def find_gateway(user: User, serial: str) -> Device:
    """Return the device that the user manages, by what was typed; an address in whatever writing. Raises Refusal."""
    managed, key = Device.objects.manageable_by(user), serials.fold(serial)
    for written in (key, *serials.write_otherwise(key)):
        if (found := managed.filter(serial_key=written).first()) is not None:
            return found
    raise Refusal(TIE_UNKNOWN_GATEWAY, field="gateway")


def list_offered(user: User, device: Device) -> list[Device]:
    """Return some of those that could speak for it, by name."""
    beside = Device.objects.manageable_by(user).filter(group=device.group, retired_at=None)
    through = Tie.objects.standing().filter(device=device).values("gateway")
    return list(beside.exclude(pk=device.pk).exclude(pk__in=through).order_by("name", "pk")[:OFFERED])


def get_managed(user: User, serial: str) -> Device:
    return get_device(user, serial, role=Role.ADMIN)
