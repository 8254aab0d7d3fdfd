"""Values of its own for each device, set by the operations that set them of one: one call for all that change alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Subquery
from django.db.models.fields.json import KT, KeyTransform

from devices.lifecycle import assignments, edits
from devices.models import Touched

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from devices.models import Device
    from tenants.models import User

    Alike = tuple[frozenset[str], int | None]


def carry_out(
    devices: Collection[Device], noted: Mapping[int, Touched], *, by: User | None, action: str
) -> dict[int, int]:
    """Make of each device what is noted `after`, in its new group first; return device -> assignment of those that
    moved. The groups are locked."""
    opened: dict[int, int] = {}
    for group in sorted({noted[device.pk].after["group"] for device in devices if "group" in noted[device.pk].after}):
        moving = [device for device in devices if noted[device.pk].after.get("group") == group]
        opened |= assignments.assign_devices(moving, group=group, by=by, action=action)
    wanted = {device.pk: _find_rest(device, noted[device.pk].after) for device in devices}
    number = next(iter(noted.values())).action_id if noted else 0
    _set_fields(devices, wanted, "after", number, by=by, action=action)
    return opened


def restore(
    devices: Collection[Device], originals: Mapping[int, Touched], *, former: int, by: User | None, action: str
) -> None:
    """Set what is noted `before` of each device, in the former action; of those that moved the model alone is left."""
    wanted = {device.pk: dict(originals[device.pk].before) for device in devices}
    for pk, before in wanted.items():
        if "assignment" in before:
            wanted[pk] = {"model": before["model"]} if "model" in before else {}
    _set_fields(devices, wanted, "before", former, by=by, action=action)


def _find_rest(device: Device, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be set besides the group: of a device that leaves one, what differs from its new state."""
    rest = {field: value for field, value in after.items() if field != "group"}
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
