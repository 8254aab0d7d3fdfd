"""What a device is called, and what is written about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from devices import events, tags
from devices.lifecycle.assignments import Moved
from devices.models import Device, Event
from lib import live, names

if TYPE_CHECKING:
    from tenants.models import User

EDITABLE = ("name", "description", "tags", "model")


def change(*, device: Device, by: User, **to: object) -> bool:
    """Set any of `EDITABLE`; whether that changed anything. Raises `Moved` if one of them, or whose the device is,
    changed since `device` was read."""
    for field, clean in (("name", names.clean_name), ("description", names.several_lines)):
        if isinstance(text := to.get(field), str):
            stored = getattr(device, field)
            to[field] = stored if names.is_same(text, stored) else clean(text, field)
    if isinstance(given := to.get("tags"), dict):
        to["tags"] = tags.check(given, device.tags)
    differing = {name: value for name, value in to.items() if getattr(device, name) != value}
    if not differing:
        return False
    read = {name: getattr(device, name) for name in EDITABLE if name != "tags"}
    with transaction.atomic():
        as_read = Device.objects.filter(pk=device.pk, assignment=device.assignment_id, **read)
        # SQLite compares JSON as text, and spells it in more than one way: the tags are compared here, under a lock.
        stored = as_read.select_for_update(no_key=True).values_list("tags", flat=True).first()
        if stored != device.tags or as_read.update(**differing) != 1:
            raise Moved
        events.record(Event.Kind.CHANGED, device=device, by=by, fields=sorted(differing))
        transaction.on_commit(lambda: live.announce([f"device:{device.device_id}"]))
    return True
