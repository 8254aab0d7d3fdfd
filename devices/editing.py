"""What people write about a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices import live
from devices.assignments import Moved
from devices.models import Device, Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.models import User


def describe(*, device: Device, name: str, description: str, tags: Mapping[str, str], by: User) -> bool:
    """Whether anything changed. Raises `Moved` if the device belongs to somebody else by now."""
    now = {"name": name, "description": description, "tags": dict(tags)}
    changed = [field for field, value in now.items() if getattr(device, field) != value]
    if not changed:
        return False
    with transaction.atomic():
        as_read = Device.objects.filter(pk=device.pk, assignment=device.assignment_id)
        if as_read.update(**now) != 1:
            raise Moved
        Event.objects.create(
            organisation_id=device.organisation_id,
            device=device,
            assignment_id=device.assignment_id,
            by=by,
            kind=Event.Kind.CHANGED,
            data={"fields": changed},
        )
        transaction.on_commit(lambda: live.announce([f"device:{device.device_id}"]))
    return True
