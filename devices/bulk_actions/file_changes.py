"""Values of its own for each device, set by the operations that set them of one: one call for all that change alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Subquery
from django.db.models.fields.json import KT, KeyTransform

from devices.lifecycle import assignments, edits
from devices.models import Device, Touched
from devices.ties import operations as ties
from devices.ties.operations import Pair

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenants.models import User

    Alike = tuple[frozenset[str], int | None]

ELSEWHERE = {"group", "person", "gateways"}
"""What is noted of a device and is not in its own fields alone."""


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
