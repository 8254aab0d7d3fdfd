"""Values of its own for each device, set by the operations that set them of one: one call for all that change alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Subquery
from django.db.models.fields.json import KT, KeyTransform

from devices.bulk_actions.eligibility import APART, NO_LEAF, OUTSIDER, SINCE
from devices.lifecycle import assignments, edits, persons
from devices.models import Device, Touched
from devices.ties import operations as ties
from devices.ties.operations import Pair
from tenants.models import Group, User

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Alike = tuple[frozenset[str], int | None]
    Where = tuple[int | None, int | None]

ELSEWHERE = {"group", "person", "gateways"}
"""What is noted of a device and is not in its own fields alone."""


def judge(
    devices: Collection[Device], noted: Mapping[int, Touched], *, by: User | None
) -> tuple[list[Device], dict[Device, str]]:
    """Return the devices that become what is noted of them, and why others stay: what was noted `before` is not so any
    more, or what they would be can't be. They are held, and so are the people, groups and gateways that are noted."""
    said = {device: noted[device.pk] for device in devices}
    stored = ties.list_gateways([device.pk for device in devices if "gateways" in noted[device.pk].before])
    groups = {touched.after["group"] for touched in said.values() if touched.after.get("group")}
    paths = dict(Group.objects.filter(pk__in=assignments.lock_leaves(groups)).values_list("pk", "path"))
    reached = persons.find_paths(_find_active({touched.after.get("person") for touched in said.values()} - {None}))
    changing: list[Device] = []
    stay: dict[Device, str] = {}
    for device, touched in said.items():
        after, whose = touched.after, touched.after.get("person")
        if any(_read_stored(device, field, stored) != value for field, value in touched.before.items()):
            stay[device] = SINCE
        elif "group" in after and after["group"] not in paths:
            stay[device] = NO_LEAF
        elif whose and whose != device.person_id and not persons.reaches(reached.get(whose, ()), paths[after["group"]]):
            stay[device] = OUTSIDER
        else:
            changing.append(device)
    for device in _find_apart(changing, noted, by):
        stay[device] = APART
    return [device for device in changing if device not in stay], stay


def _read_stored(device: Device, field: str, ties_: Mapping[int, list[int]]) -> Any:
    return ties_.get(device.pk, []) if field == "gateways" else device.serializable_value(field)


def _find_active(people: Collection[int]) -> list[int]:
    """Return those of the people who may have devices of their own."""
    active = User.objects.filter(pk__in=people, is_active=True, organisation__personal_devices=True)
    return list(active.values_list("pk", flat=True)) if people else []


def _find_apart(devices: Collection[Device], noted: Mapping[int, Touched], by: User | None) -> list[Device]:
    """Return those of the devices whose gateways would not be where they would be. Of who stays for that, others may be
    apart then: asked until nobody is."""
    named = {gateway for device in devices for gateway in noted[device.pk].after.get("gateways", ())}
    if not named:
        return []
    managed = Device.objects.manageable_by(by) if by else Device.objects.none()
    known = {each.pk: _get_where(each) for each in managed.filter(pk__among=named, retired_at=None)}
    moving = {device.pk: device for device in devices}
    apart: list[Device] = []
    while True:
        now = known | {pk: _get_where(device, noted[pk]) for pk, device in moving.items() if pk in known}
        out = [device for device in moving.values() if _is_apart(device, noted[device.pk], now)]
        if not out:
            return apart
        apart += out
        for device in out:
            del moving[device.pk]


def _is_apart(device: Device, touched: Touched, now: Mapping[int, Where]) -> bool:
    where = _get_where(device, touched)
    return any(now.get(gateway) != where for gateway in touched.after.get("gateways", ()))


def _get_where(device: Device, touched: Touched | None = None) -> Where:
    """Return the group where the device is, or will be, and whose it is there."""
    if touched is not None and "group" in touched.after:
        return touched.after["group"], touched.after.get("person")
    return device.group_id, device.person_id


def carry_out(
    devices: Collection[Device], noted: Mapping[int, Touched], *, by: User | None, action: str
) -> dict[int, int]:
    """Make of each device what is noted `after`, in its new group first; return device -> assignment of those that
    moved. The groups are locked."""
    opened: dict[int, int] = {}
    by_place: dict[tuple[int, int], list[Device]] = {}
    for device in devices:
        if "group" in (after := noted[device.pk].after):
            by_place.setdefault((after["group"], after.get("person") or 0), []).append(device)
    for group, person in sorted(by_place):
        moving = by_place[group, person]
        opened |= assignments.assign_devices(moving, group=group, person=person or None, by=by, action=action)
    wanted = {device.pk: _find_rest(device, noted[device.pk].after) for device in devices}
    number = next(iter(noted.values())).action_id if noted else 0
    _set_fields(devices, wanted, "after", number, by=by, action=action)
    tied = [device for device in devices if "gateways" in noted[device.pk].after]
    if tied:
        now = {device.pk: device for device in Device.objects.filter(pk__among=[device.pk for device in tied])}
        former = ties.list_gateways(now)
        after = {pk: noted[pk].after["gateways"] for pk in now}
        set_gateways(list(now.values()), former, after, by=by, action=action)
    return opened


def set_gateways(
    devices: Collection[Device],
    former: Mapping[int, list[int]],
    after: Mapping[int, list[int]],
    *,
    by: User | None,
    action: str,
) -> None:
    """End the devices' ties to the former gateways, and tie them to those that they have after. Raises Refusal."""
    keys = {gateway for named in (former, after) for found in named.values() for gateway in found}
    gateways = Device.objects.in_bulk(keys)

    def list_pairs(one: Mapping[int, list[int]], other: Mapping[int, list[int]]) -> list[Pair]:
        return [
            Pair(device, gateways[key])
            for device in devices
            for key in one.get(device.pk, ())
            if key not in other.get(device.pk, ()) and key in gateways
        ]

    ties.untie_all(list_pairs(former, after), by=by, action=action)
    for refusal in ties.tie_all(list_pairs(after, former), by=by, action=action).refused.values():
        raise refusal


def restore(
    devices: Collection[Device], originals: Mapping[int, Touched], *, former: int, by: User | None, action: str
) -> None:
    """Set what is noted `before` of each device, in the former action; of those that moved the model alone is left."""
    wanted = {device.pk: dict(originals[device.pk].before) for device in devices}
    for pk, before in wanted.items():
        if "assignment" in before:
            wanted[pk] = {"model": before["model"]} if "model" in before else {}
    tied = [device for device in devices if "gateways" in wanted[device.pk]]
    if tied:
        gateways = {device.pk: wanted[device.pk].pop("gateways") for device in tied}
        set_gateways(tied, ties.list_gateways(gateways), gateways, by=by, action=action)
    _set_fields(devices, wanted, "before", former, by=by, action=action)


def _find_rest(device: Device, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be set besides the group: of a device that leaves one, what differs from its new state."""
    rest = {field: value for field, value in after.items() if field not in ELSEWHERE}
    if "group" in after and device.assignment_id:
        new = assignments.build_registered_facts(device) | {"model": device.model_id}
        rest = {field: value for field, value in rest.items() if value != new[field]}
    return rest


def _set_fields(
    devices: Collection[Device],
    wanted: Mapping[int, Mapping[str, Any]],
    where: str,
    number: int,
    *,
    by: User | None,
    action: str,
) -> None:
    """Set the wanted fields, which the rows of that action have in their column `where`."""
    alike: dict[Alike, list[Device]] = {}
    for device in devices:
        if said := wanted[device.pk]:
            alike.setdefault((frozenset(said), said.get("model")), []).append(device)
    rows = Touched.objects.filter(action=number, device=OuterRef("pk"))
    for (fields, model), same in alike.items():
        texts = fields - {"tags", "model"}
        to: dict[str, Any] = {name: Subquery(rows.values(text=KT(f"{where}__{name}"))) for name in texts}
        if "tags" in fields:
            to["tags"] = Subquery(rows.values(said=KeyTransform("tags", where)))
        if "model" in fields:
            to["model"] = model
        edits.change_devices(same, to=to, by=by, action=action)
