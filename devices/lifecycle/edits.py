"""What a device is called, and what is written about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from devices import batches, tags
from devices.models import Device, Event
from devices.refusals import DEVICE_CHANGED
from lib import names
from lib.refusals import Refusal
from tenants.refusals import PRECONDITION_FAILED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenants.models import User

EDITABLE = ("name", "description", "tags", "model")


def change_device(*, device: Device, by: User, as_matched: bool = False, **to: object) -> bool:
    """Set any of `EDITABLE`; return whether that changed anything. `as_matched`: only if it is as its `ETag` said.

    Raises Refusal if one of them, or whose the device is, changed since `device` was read.
    """
    for field, clean in (("name", names.clean_name), ("description", names.clean_several_lines)):
        if isinstance(text := to.get(field), str):
            stored = getattr(device, field)
            to[field] = stored if names.is_same(text, stored) else clean(text, field)
    if isinstance(wanted := to.get("tags"), dict):
        to["tags"] = tags.check(wanted, device.tags)
    differing = {name: value for name, value in to.items() if getattr(device, name) != value}
    if not differing:
        return False
    read = {name: getattr(device, name) for name in EDITABLE if name != "tags"}
    with transaction.atomic():
        as_read = Device.objects.filter(pk=device.pk, assignment=device.assignment_id, **read)
        # SQLite compares JSON as text, and spells it in more than one way: the tags are compared here, under a lock.
        if as_read.select_for_update(no_key=True).values_list("tags", flat=True).first() != device.tags:
            raise Refusal(PRECONDITION_FAILED if as_matched else DEVICE_CHANGED)
        change_devices([device], to=differing, by=by)
    return True


def change_devices(
    devices: Collection[Device], *, to: Mapping[str, Any], by: User | None, only_if: Q | None = None, **facts: object
) -> list[int]:
    """Set any of `EDITABLE`, to values or expressions; return the primary keys of those that there still are, as
    `only_if` says.

    Values are clean. The facts go into the events.
    """
    told = {"fields": sorted(to), **facts}
    return batches.update_batch(devices, only_if=only_if or Q(), to=to, kind=Event.Kind.CHANGED, by=by, facts=told)
