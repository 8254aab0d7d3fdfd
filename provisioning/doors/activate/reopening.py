"""The admin's side of a door of activation: whose a vendor's name is, and which devices may activate again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices import batches, events
from devices.connections import activation
from devices.identity import serials
from devices.models import Device, Event
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.models import Door, DoorVendor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenants.models import User

MOST_NAMED = 5  # of the serials that no device has


def claim_vendor(door: Door) -> None:
    """Take the vendor's name, if one is given, for the door's organisation. Raises Refusal where another has it."""
    if not (name := door.settings.get("vendor")):
        return
    vendor, _ = DoorVendor.objects.get_or_create(name=name, defaults={"organisation": door.organisation})
    if vendor.organisation_id != door.organisation_id:
        raise Refusal(refusals.DOOR_VENDOR_TAKEN, field="vendor")


def open_again(*, door: Door, listed: Sequence[str], by: User) -> int:
    """Begin a new activation window for each device of the door's recipe that has one of the serials; return of how
    many. One that is activated may have another credential in it. All or, where one is not known, none: raises
    Refusal."""
    if door.ended_at:
        raise Refusal(refusals.DOOR_ENDED_ALREADY)
    with transaction.atomic():
        devices = _find_devices(door, listed, by)
        batches.hold_as_read(devices)
        reopened = set(activation.reopen_activation(devices, by=by, door=door.name)) if devices else set()
        rest = [device.pk for device in devices if device.pk not in reopened]
        events.record_many(Event.Kind.OPENED_AGAIN, devices=rest, by=by, door=door.name)
        batches.announce(devices)
    return len(devices)


def _find_devices(door: Door, listed: Sequence[str], by: User) -> list[Device]:
    folded = {serials.fold(serial): serial for serial in listed}
    keys = {key for each in folded for key in (each, *serials.write_otherwise(each)) if key}
    own = Device.objects.manageable_by(by).filter(organisation=door.organisation_id, version__recipe=door.recipe_id)
    devices = list(own.filter(serial_key__in=keys).select_related("organisation").order_by("pk"))
    known = {serials.join_writings(each.serial_key) for each in devices}
    if unknown := [serial for key, serial in folded.items() if serials.join_writings(key) not in known]:
        shown = ", ".join(unknown[:MOST_NAMED]) + (", …" if len(unknown) > MOST_NAMED else "")
        raise Refusal(refusals.DOOR_SERIALS_UNKNOWN, field="serials", serials=shown)
    return devices
