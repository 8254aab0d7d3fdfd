"""Devices that actions change, and what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.timezone import now

from devices.credentials import operations as credentials
from devices.models import Assignment, BulkAction, Device, Event, Tie, Touched
from devices.ties import operations as ties

if TYPE_CHECKING:
    from tests.conftest import World

Kind = BulkAction.Kind

Gateways = dict[int | None, Device]
"""By the group in which they are."""


def only(*devices: Device) -> Any:
    return Device.objects.filter(pk__in=[device.pk for device in devices])


def kinds(device: Device) -> list[str]:
    return [event.kind for event in Event.objects.filter(device=device).order_by("pk")]


def fresh(device: Device) -> Device:
    return Device.objects.with_status().select_related("group", "assignment").get(pk=device.pk)


def verdicts_of(action: BulkAction) -> dict[int, str]:
    return dict(Touched.objects.filter(action=action).values_list("device_id", "verdict"))


def through(gateway: Device) -> dict[str, Any]:
    return {"gateway": gateway.serial, "speaker": gateway.pk}


def gateways_of(device: Device) -> list[int]:
    return list(Tie.objects.standing().filter(device=device).order_by("gateway").values_list("gateway_id", flat=True))


def ready(kind: str, device: Device, world: World, gateways: Gateways) -> None:
    """As it must be for the action to change it."""
    if kind == Kind.UNLOCK:
        Device.objects.filter(pk=device.pk).update(locked_at=now())
    elif kind == Kind.UNTAG:
        Device.objects.filter(pk=device.pk).update(tags={"batch": "7", "kept": "yes"})
    elif kind == Kind.REOPEN:
        Device.objects.filter(pk=device.pk).update(expires_at=now() - timedelta(hours=1))
    elif kind in {Kind.RESTORE, Kind.FREE}:
        Device.objects.filter(pk=device.pk).update(retired_at=now())
    elif kind == Kind.REMOVE:
        Device.objects.filter(pk=device.pk).update(group=None, assignment=None)
        Assignment.objects.filter(device=device).delete()
    elif kind == Kind.REVOKE:
        credentials.issue_credential(device=device, by=None)
    elif kind == Kind.UNTIE:
        placed = fresh(device)
        ties.tie(device=placed, gateway=gateways[placed.group_id], by=world.owner)
