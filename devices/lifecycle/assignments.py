"""Who a device belongs to. The only code that changes `Device.group` and `Device.assignment`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Now

from devices import events
from devices.credentials import operations as credentials
from devices.events import Fact
from devices.models import Assignment, Device, DeviceModel, Event, RecipeVersion
from lib import names
from lib.db import bulk_sql
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tenants.models import User


class Moved(Exception):
    """The device or the group changed meanwhile; nothing was done."""


def assign(*, device: Device, group: Group, name: str | None, model: DeviceModel | None, by: User) -> Assignment:
    """Open an assignment, closing the one that `device` was read with. Raises `Moved` if either is stale.

    Without a name it keeps its own where nobody else gave it: what a former group called it stays behind."""
    if name is None:
        name = device.name if device.group_id in (None, group.pk) else device.serial
    else:
        name = names.clean_name(name)
    with transaction.atomic():
        _lock_leaf(group)
        _hold(device)
        _close(device, by)
        former = device.group_id
        assignment = Assignment.objects.create(device=device, group=group)
        facts = _registered_facts(device) if device.assignment_id is not None else {}
        _point(device, **facts | {"group": group, "assignment": assignment, "name": name, "model": model})
        kind, data = _placement(former, group.pk)
        events.record(kind, device=device, by=by, **data)
    return assignment


def release(*, device: Device, by: User) -> None:
    """Close the assignment: the device belongs to no group again. Raises `Moved` if it is not current."""
    with transaction.atomic():
        if device.assignment_id is None:
            raise Moved
        _hold(device)
        _close(device, by)
        events.record(Event.Kind.RELEASED, device=device, by=by)
        _point(device, **_registered_facts(device), group=None, assignment=None)


def assign_many(
    *, devices: Sequence[Device], group_id: int, keep: bool, by: User | None, **facts: object
) -> dict[int, int]:
    """Open a new assignment for each, in place of its present one: device -> assignment. `devices` are locked, and so
    is the leaf; unless `keep`, those that leave a group leave what was written about them. `facts` go into events."""
    _close_all(devices, by, facts)
    keys = [device.pk for device in devices]
    rows = Device.objects.filter(pk__among=keys)
    bulk_sql.insert(Assignment, rows, each={"device_id": "pk"}, same={"group_id": group_id})
    leaving = {device.pk for device in devices if device.assignment_id and not keep}
    _point_all(leaving, **_forgotten())
    _point_all(set(keys) - leaving)
    opened = dict(Assignment.objects.filter(device__among=keys, closed_at=None).values_list("device_id", "pk"))
    _record_placements(devices, opened, dict.fromkeys(opened, group_id), by, facts)
    return opened


def release_many(*, devices: Sequence[Device], by: User | None, **facts: object) -> None:
    """Close the assignments of the locked `devices`: they belong to no group again."""
    _close_all(devices, by, facts)
    events.record_many(Event.Kind.RELEASED, devices=[device.pk for device in devices], by=by, **facts)
    _point_all([device.pk for device in devices], **_forgotten())


def restore_many(
    *,
    devices: Sequence[Device],
    to: Mapping[int, Mapping[str, int | None]],
    said: Mapping[str, Any],
    by: User | None,
    **facts: object,
) -> None:
    """Put the locked `devices` back into the assignments that they had, which go on as if never closed; those that `to`
    has a name for get what was `said` of them too. Credentials that ended with those assignments stay revoked."""
    _close_all(devices, by, facts)
    freed = [device.pk for device in devices if to[device.pk]["assignment"] is None]
    if freed:
        events.record_many(Event.Kind.RELEASED, devices=freed, by=by, **facts)
    former = [to[device.pk]["assignment"] for device in devices]
    Assignment.objects.filter(pk__among=[pk for pk in former if pk]).update(closed_at=None)
    named = {device.pk for device in devices if "name" in to[device.pk]}
    _point_all(named, **said)
    _point_all({device.pk for device in devices} - named)
    current = {pk: assignment for pk, before in to.items() if (assignment := before["assignment"])}
    _record_placements(devices, current, {pk: before["group"] or 0 for pk, before in to.items()}, by, facts)


def lock_leaves(groups: Collection[int]) -> set[int]:
    """Those of them that can hold devices, and stay so until the transaction ends."""
    leaves = Group.objects.select_for_update(no_key=True).filter(pk__in=groups, numchild=0, archived_at=None)
    return set(leaves.order_by("pk").values_list("pk", flat=True))


def _close_all(devices: Sequence[Device], by: User | None, facts: Mapping[str, object]) -> None:
    credentials.end_issued(devices=[device.pk for device in devices if device.assignment_id], by=by, **facts)
    open_ones = [device.assignment_id for device in devices if device.assignment_id]
    Assignment.objects.filter(pk__among=open_ones, closed_at=None).update(closed_at=Now())


def _point_all(keys: Collection[int], **facts: Any) -> None:
    """Every device at its open assignment, or at none; and the facts, in one statement, since each writes the row."""
    if not keys:
        return
    current = Assignment.objects.filter(device=OuterRef("pk"), closed_at=None)
    now = {"assignment": Subquery(current.values("pk")), "group": Subquery(current.values("group"))}
    Device.objects.filter(pk__among=keys).update(**now, **facts)


def _forgotten() -> dict[str, Any]:
    """As `_registered_facts`, of many."""
    tags = RecipeVersion.objects.filter(pk=OuterRef("version")).values("default_tags")
    return {"name": F("serial"), "description": Value(""), "tags": Subquery(tags)}


def _hold(device: Device) -> None:
    # Group, then device, then assignment: whoever changes many takes them in the same order.
    as_read = Device.objects.select_for_update(no_key=True).filter(pk=device.pk, assignment=device.assignment_id)
    if not as_read.exists():
        raise Moved


def _lock_leaf(group: Group) -> None:
    # Held against `tenants.groups.operations`, which locks the same row before it adds a child or archives it; imports
    # go on.
    leaf = Group.objects.select_for_update(no_key=True).filter(pk=group.pk, numchild=0, archived_at=None)
    if not leaf.exists():
        raise Moved


def _close(device: Device, by: User) -> None:
    if device.assignment_id is None:
        return
    current = Assignment.objects.filter(pk=device.assignment_id, closed_at=None)
    if current.update(closed_at=Now()) != 1:
        raise Moved
    credentials.end_issued(devices=[device.pk], by=by)


def _registered_facts(device: Device) -> dict[str, object]:
    """What a tenant called its device and wrote about it leaves with the tenant."""
    return {"name": device.serial, "description": "", "tags": dict(device.version.default_tags)}


def _point(device: Device, **to: object) -> None:
    unchanged = Device.objects.filter(pk=device.pk, assignment=device.assignment_id)
    if unchanged.update(**to) != 1:
        raise Moved
    device.refresh_from_db()


def _placement(former: int | None, group: int) -> tuple[Event.Kind, dict[str, Any]]:
    """Return as what it is told that a device comes into the group: provisioned, or moved there from another one."""
    if former in (None, group):
        return Event.Kind.PROVISIONED, {}
    return Event.Kind.MOVED, {"from": former, "to": group}


def _record_placements(
    devices: Sequence[Device],
    assignments: Mapping[int, int],
    groups: Mapping[int, int],
    by: User | None,
    facts: Mapping[str, object],
) -> None:
    """Tell of those of the devices, as they were before, that came into a group: device -> assignment, and group."""
    placed = [device for device in devices if device.pk in assignments]
    kinds = [_placement(device.group_id, groups[device.pk]) for device in placed]
    events.record_each(
        (
            Fact(kind, device.organisation_id, device.pk, assignments[device.pk], {**data, **facts})
            for device, (kind, data) in zip(placed, kinds, strict=True)
        ),
        by=by,
    )
