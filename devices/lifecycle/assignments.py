"""Who a device belongs to. The only code that changes `Device.group`, `Device.person` and `Device.assignment`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Now

from devices import batches, events
from devices.credentials import operations as credentials
from devices.credentials import presence_secrets
from devices.events import Fact
from devices.lifecycle import persons
from devices.models import Assignment, Device, DeviceModel, Event, RecipeVersion
from devices.refusals import DEVICE_IN_NO_GROUP, DEVICE_MOVED, GROUP_TAKES_NO_DEVICES
from devices.ties import operations as ties
from lib import names
from lib.db import bulk_sql
from lib.refusals import Refusal
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tenants.models import User


_PLACE = {"assignment": "pk", "group": "group", "person": "person"}
"""A device's fields, and what they are of its open assignment."""


def assign(
    *,
    device: Device,
    group: Group,
    name: str | None,
    model: DeviceModel | None,
    by: User,
    with_device: bool = False,
    person: User | None = None,
) -> None:
    """Place the device, which then is as stored. Raises Refusal if it, or the group, is not as it was read any more.

    Of a `person` it is seen by nobody else in the group but its admins; refused where they have no role there, or the
    organisation wants no such thing (docs/decisions/0044).

    Without a name it keeps its own where nobody else gave it: what a former group called it stays behind. `with_device`
    says that this very act made the device, too."""
    named = {} if name is None else {"name": names.clean_name(name)}
    with transaction.atomic():
        persons.hold_people([person.pk] if person else [])
        if not lock_leaves([group.pk]):
            raise Refusal(GROUP_TAKES_NO_DEVICES, field="group")
        if person:
            path = Group.objects.values_list("path", flat=True).get(pk=group.pk)
            persons.refuse_outsider(person, organisation=device.organisation_id, path=path)
        to = {"model": model, **named}
        whose = person.pk if person else None
        if not assign_devices([device], group=group.pk, person=whose, to=to, by=by, with_device=with_device):
            raise Refusal(DEVICE_MOVED)
    device.refresh_from_db()


def release(*, device: Device, by: User) -> None:
    """Take the device out of its group; it then is as stored. Raises Refusal if it is in none, or in another."""
    if not release_devices([device], by=by):
        raise Refusal(DEVICE_IN_NO_GROUP if device.assignment_id is None else DEVICE_MOVED)
    device.refresh_from_db()


def assign_devices(
    devices: Collection[Device],
    *,
    group: int,
    by: User | None,
    person: int | None = None,
    keep: bool = False,
    to: Mapping[str, Any] | None = None,
    with_device: bool = False,
    **facts: object,
) -> dict[int, int]:
    """Open a new assignment for each in the locked leaf, in place of its present one: device -> assignment. With a
    `person` it is theirs, whose row is held (devices.lifecycle.persons).

    Left out are those that changed hands since they were read. Those that were in a group leave there what was written
    about them, unless they `keep` it; `to` says what is written about each besides. `facts` go into the events.
    `with_device`: the devices were made in this transaction, by the same act.
    """
    with transaction.atomic(savepoint=False):
        devices = batches.hold_as_read(devices)
        _close_all(devices, by, facts)
        keys = [device.pk for device in devices]
        rows = Device.objects.filter(pk__among=keys)
        each, same, new = {"device_id": "pk"}, {"group_id": group, "with_device": with_device}, ("device_id", "id")
        same |= {"person_id": person} if person else {}
        opened = dict(bulk_sql.insert(Assignment, rows, each=each, same=same, returning=new))
        besides = dict(to or {})
        leaving = {device.pk for device in devices if device.assignment_id and not keep}
        name = Case(When(group=group, person=person, then=F("name")), default=F("serial"))
        place = {"group": group, "person": person}
        _write_placements(leaving, place, **_express_registered_facts() | {"name": name, **besides})
        _write_placements(set(keys) - leaving, place, **besides)
        _record_placements(devices, opened, dict.fromkeys(opened, (group, person)), by, facts)
        batches.announce(devices)
    return opened


def return_to_groups(devices: Sequence[Device], *, by: User | None, reason: str) -> list[int]:
    """Let those of the devices that still are the person's, as read, be their group's again, in assignments of their
    own: what was reported and written stays behind. Return their primary keys. Retired ones too."""
    with transaction.atomic():
        now = batches.hold([device.pk for device in devices])
        devices = [device for device in devices if device.person_id and now.get(device.pk) == device.assignment_id]
        _close_all(devices, by, {})
        keys = [device.pk for device in devices]
        rows, each = Device.objects.filter(pk__among=keys), {"device_id": "pk", "group_id": "group"}
        opened = dict(bulk_sql.insert(Assignment, rows, each=each, same={}, returning=("device_id", "id")))
        _write_placements(keys, **_express_registered_facts())
        places = {device.pk: (device.group_id or 0, None) for device in devices}
        _record_placements(devices, opened, places, by, {"reason": reason})
        batches.announce(devices)
    return keys


def release_devices(devices: Collection[Device], *, by: User | None, **facts: object) -> list[int]:
    """Take the devices out of their groups; return the primary keys of those that still were where they were read."""
    with transaction.atomic():
        devices = [device for device in batches.hold_as_read(devices) if device.assignment_id]
        _close_all(devices, by, facts)
        released = [device.pk for device in devices]
        events.record_many(Event.Kind.RELEASED, devices=released, by=by, **facts)
        _write_placements(released, **_express_registered_facts())
        batches.announce(devices)
    return released


def detach_devices(keys: Collection[int]) -> None:
    """Take the locked devices out of their groups, untold: they are deleted next, their assignments with them."""
    Device.objects.filter(pk__among=keys, group__isnull=False).update(group=None, assignment=None, person=None)


def restore_devices(
    devices: Sequence[Device],
    *,
    to: Mapping[int, Mapping[str, int | None]],
    said: Mapping[str, Any],
    by: User | None,
    **facts: object,
) -> None:
    """Put the locked `devices` back into the assignments that they had, which go on as if never closed; those that `to`
    has a name for get what was `said` of them too. Credentials that ended with those assignments stay revoked. Of
    people whose devices they were then, the rows are held, and they may have them still."""
    _close_all(devices, by, facts)
    freed = [device.pk for device in devices if to[device.pk]["assignment"] is None]
    events.record_many(Event.Kind.RELEASED, devices=freed, by=by, **facts)
    former = [to[device.pk]["assignment"] for device in devices]
    Assignment.objects.filter(pk__among=[pk for pk in former if pk]).update(closed_at=None)
    named = {device.pk for device in devices if "name" in to[device.pk]}
    _write_placements(named, **said)
    _write_placements({device.pk for device in devices} - named)
    current = {pk: assignment for pk, before in to.items() if (assignment := before["assignment"])}
    whose: dict[Any, Any] = dict(Assignment.objects.filter(pk__among=current.values()).values_list("device", "person"))
    places = {pk: (before["group"] or 0, whose.get(pk)) for pk, before in to.items()}
    _record_placements(devices, current, places, by, facts)
    batches.announce(devices)


def lock_leaves(groups: Collection[int]) -> set[int]:
    """Lock those of the groups that can hold devices, until the transaction ends; return their keys.

    Held against `tenants.groups.operations`, which locks the same row before it adds a child or archives it; imports
    go on.
    """
    leaves = Group.objects.select_for_update(no_key=True).filter(pk__in=groups, numchild=0, archived_at=None)
    return set(leaves.order_by("pk").values_list("pk", flat=True))


def _close_all(devices: Sequence[Device], by: User | None, facts: Mapping[str, object]) -> None:
    ties.end_ties([device.pk for device in devices], by=by, why=ties.PLACED, **facts)
    current = {device.assignment_id: device.pk for device in devices if device.assignment_id}
    if current:
        credentials.end_issued_credentials(devices=current.values(), by=by, **facts)
        presence_secrets.end_issued_secrets(current.values())
        Assignment.objects.filter(pk__among=current, closed_at=None).update(closed_at=Now())


def _write_placements(keys: Collection[int], place: Mapping[str, int | None] | None = None, **facts: Any) -> None:
    """Set each device's open assignment, or none, and the facts: in one statement, since each writes the row. `place`
    is the group and the person of all of those assignments, where they are one and the same."""
    if not keys:
        return
    current = Assignment.objects.filter(device=OuterRef("pk"), closed_at=None)
    known = place or {}
    now = {name: known[name] if name in known else Subquery(current.values(of)) for name, of in _PLACE.items()}
    Device.objects.filter(pk__among=keys).update(**now, **facts)


def build_registered_facts(device: Device) -> dict[str, Any]:
    """Return name, description and tags that the device has once it leaves its group."""
    return {"name": device.serial, "description": "", "tags": device.version.default_tags}


def _express_registered_facts() -> dict[str, Any]:
    """Express the same in SQL: what a tenant wrote leaves with the tenant."""
    tags = RecipeVersion.objects.filter(pk=OuterRef("version")).values("default_tags")
    return {"name": F("serial"), "description": Value(""), "tags": Subquery(tags)}


def _tell_placement(device: Device, group: int, person: int | None) -> tuple[Event.Kind, dict[str, Any]]:
    """Return as what it is told that a device, as it was before, comes into the group: provisioned, moved there from
    another one, or in its own given to a person or taken from one."""
    whose = {"person": person} if person else {}
    if device.group_id not in (None, group):
        return Event.Kind.MOVED, {"from": device.group_id, "to": group, **whose}
    if device.group_id is None or device.person_id == person:
        return Event.Kind.PROVISIONED, whose
    if person:
        return Event.Kind.ASSIGNED, whose
    return Event.Kind.UNASSIGNED, {"person": device.person_id}


def _record_placements(
    devices: Iterable[Device],
    assignments: Mapping[int, int],
    places: Mapping[int, tuple[int, int | None]],
    by: User | None,
    facts: Mapping[str, object],
) -> None:
    """Tell of those of the devices, as they were before, that came into a group: device -> assignment, and its group
    and person."""
    told = []
    for device in devices:
        if assignment := assignments.get(device.pk):
            group, person = places[device.pk]
            kind, data = _tell_placement(device, group, person)
            left = device.group_id if kind == Event.Kind.MOVED else None
            told.append(Fact(kind, device.organisation_id, device.pk, assignment, {**data, **facts}, group, left))
    events.record_each(told, by=by)
