"""What a device is called, and what is written about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices.models import Device, Event

if TYPE_CHECKING:
    from tenants.models import User

EDITABLE = ("name", "description", "tags", "model")


class Changed(Exception):
    """The device changed meanwhile; nothing was done."""


def change(*, device: Device, by: User, **to: object) -> bool:
    """Set any of `EDITABLE`, unless one of them, or the owner, changed since `device` was read. Whether there was any
    difference."""
    differing = {name: value for name, value in to.items() if getattr(device, name) != value}
    if not differing:
        return False
    read = {name: getattr(device, name) for name in EDITABLE}
    with transaction.atomic():
        as_read = Device.objects.filter(pk=device.pk, assignment=device.assignment_id, **read)
        if as_read.update(**differing) != 1:
            raise Changed
        Event.objects.create(
            organisation_id=device.organisation_id,
            device=device,
            assignment_id=device.assignment_id,
            by=by,
            kind=Event.Kind.CHANGED,
            data={"changed": sorted(differing)},
        )
    return True
