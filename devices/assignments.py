"""Who a device belongs to. The only code that changes `Device.group` and `Device.assignment`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices.models import Assignment, Device, DeviceModel, Event
from tenants.models import Group

if TYPE_CHECKING:
    from tenants.models import User


class Moved(Exception):
    """The device or the group changed meanwhile; nothing was done."""


def assign(*, device: Device, group: Group, name: str, model: DeviceModel | None, by: User) -> Assignment:
    """Open an assignment, closing the one that `device` was read with. Raises `Moved` if either is stale."""
    with transaction.atomic():
        _lock_leaf(group)
        _close(device, by)
        assignment = Assignment.objects.create(device=device, group=group)
        facts = _registered_facts(device) if device.assignment_id is not None else {}
        _point(device, **facts | {"group": group, "assignment": assignment, "name": name, "model": model})
        _record(Event.Kind.PROVISIONED, device, assignment.pk, by)
    return assignment


def release(*, device: Device, by: User) -> None:
    """Close the assignment: the device belongs to no group again. Raises `Moved` if it is not current."""
    with transaction.atomic():
        if device.assignment_id is None:
            raise Moved
        _close(device, by)
        _point(device, **_registered_facts(device), group=None, assignment=None)


def _lock_leaf(group: Group) -> None:
    # Held against `tenants.groups`, which locks the same row before it adds a child or archives it; imports go on.
    leaf = Group.objects.select_for_update(no_key=True).filter(pk=group.pk, numchild=0, archived_at=None)
    if not leaf.exists():
        raise Moved


def _close(device: Device, by: User) -> None:
    if device.assignment_id is None:
        return
    current = Assignment.objects.filter(pk=device.assignment_id, closed_at=None)
    if current.update(closed_at=Now()) != 1:
        raise Moved
    _record(Event.Kind.RELEASED, device, device.assignment_id, by)


def _registered_facts(device: Device) -> dict[str, object]:
    """What a tenant called its device and wrote about it leaves with the tenant."""
    return {"name": device.serial, "description": "", "tags": dict(device.version.default_tags)}


def _point(device: Device, **to: object) -> None:
    unchanged = Device.objects.filter(pk=device.pk, assignment=device.assignment_id)
    if unchanged.update(**to) != 1:
        raise Moved
    device.refresh_from_db()


def _record(kind: Event.Kind, device: Device, assignment_id: int, by: User) -> None:
    Event.objects.create(
        organisation_id=device.organisation_id,
        device=device,
        assignment_id=assignment_id,
        by=by,
        kind=kind,
    )
