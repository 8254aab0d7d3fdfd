"""The way back: each device of an action as it was before, if it is still as the action left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.fields.json import KT, KeyTransform

from devices.bulk_actions import file_changes
from devices.bulk_actions.eligibility import APART, CHANGE, CROWDED, FULL, NO_LEAF, NOBODY, NOT_YOURS, SINCE
from devices.bulk_actions.handlers import Batch
from devices.bulk_actions.tie_judge import TieJudge
from devices.lifecycle import assignments, edits, locks, persons, retirement, versions
from devices.models import Assignment, BulkAction, Device, RecipeVersion, Touched
from devices.tags import MOST, Patched
from tenants.models import Group, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import DeviceQuerySet
    from tenants.models import User

    Originals = dict[int, Touched]


def find_undoable(action: BulkAction, user: User) -> DeviceQuerySet:
    """Return devices that the user manages; after a release also those in no group, from groups of theirs."""
    managed = Device.objects.manageable_by(user)
    if action.kind != BulkAction.Kind.RELEASE:
        return managed
    return managed | Device.objects.filter(group=None, organisation=action.organisation_id)


def lock_places(originals: Originals) -> set[int]:
    """Lock whose devices they were, and the former groups that can hold devices again: before the devices, as `assign`
    does. Return the groups' keys."""
    persons.hold_people(set(_find_people(originals).values()))
    return assignments.lock_leaves(
        {original.before["group"] for original in originals.values() if original.before.get("group")}
    )


def list_gateways(originals: Originals) -> set[int]:
    """Return the gateways of which ties would be ended or made again, by primary keys: held with the devices."""
    said = [each for original in originals.values() for each in (original.before, original.after)]
    return {gateway for each in said for gateway in each.get("gateways", ())}


def judge(action: BulkAction, devices: list[Device], originals: Originals, leaves: set[int], user: User) -> None:
    """Set `verdict` of each device."""
    paths = dict(Group.objects.filter(pk__in=leaves).values_list("pk", "path"))
    whose = _find_people(originals)
    reached = persons.find_reach(set(whose.values()), organisation=action.organisation_id)
    latest = _find_latest(devices) if action.kind == BulkAction.Kind.RELEASE else {}
    ties = TieJudge(devices, originals, user)
    for device in devices:
        original = originals[device.pk]
        group = original.before.get("group")
        device.verdict = CHANGE
        if not _as_left(action.kind, device, original, latest.get(device.pk)) or not ties.are_as_left(device):
            device.verdict = SINCE
        elif not ties.may_be_as_before(device):
            device.verdict = APART
        elif action.kind == BulkAction.Kind.UNTAG and _is_full(device, original):
            device.verdict = FULL
        elif group and group not in leaves:
            device.verdict = NO_LEAF
        elif group and not user.may(Role.ADMIN, paths[group]):
            device.verdict = NOT_YOURS
        elif group and device.pk in whose and not persons.reaches(reached.get(whose[device.pk], ()), paths[group]):
            device.verdict = NOBODY
        elif not ties.take_room(device):
            device.verdict = CROWDED


def _find_people(originals: Originals) -> dict[int, int]:
    """Return device -> whose it was, of those that would be a person's again."""
    former = {original.before.get("assignment") for original in originals.values()} - {None}
    rows = Assignment.objects.filter(pk__among=former, person__isnull=False)
    whose: dict[Any, Any] = dict(rows.values_list("device", "person"))
    return whose


def _is_full(device: Device, original: Touched) -> bool:
    return len(device.tags) >= MOST and not original.before.keys() <= device.tags.keys()


def _find_latest(devices: list[Device]) -> dict[int, int]:
    rows = Assignment.objects.filter(device__among=[device.pk for device in devices]).order_by()
    return dict(rows.values_list("device").annotate(latest=Max("pk")))


def _as_left(kind: str, device: Device, original: Touched, latest: int | None) -> bool:
    after: dict[str, Any] = original.after
    if kind == BulkAction.Kind.RETIRE:
        kept = device.retired_at is not None and not device.former_serial
        return bool(kept and device.retired_at.isoformat() == after["retired_at"])  # type: ignore[union-attr]
    if device.retired_at is not None:
        return False
    if kind == BulkAction.Kind.RECIPE:
        return bool(device.version_id == after["version"])
    if kind in (BulkAction.Kind.MOVE, BulkAction.Kind.PERSON):
        return bool(device.assignment_id == after["assignment"])
    if kind == BulkAction.Kind.RELEASE:
        return device.assignment_id is None and latest == original.before["assignment"]
    if kind == BulkAction.Kind.MODEL:
        return bool(device.model_id == after["model"])
    if kind == BulkAction.Kind.LOCK:
        return device.locked_at is not None and device.locked_at.isoformat() == after["locked_at"]
    if kind == BulkAction.Kind.UNLOCK:
        return device.locked_at is None
    if kind in (BulkAction.Kind.TIE, BulkAction.Kind.UNTIE):
        return True
    if kind == BulkAction.Kind.CHANGE:
        own = (field for field in after if field != "gateways")
        return all(device.serializable_value(field) == after[field] for field in own)
    return all(device.tags.get(key) == value for key, value in after.items())


def restore_places(batch: Batch, originals: Originals) -> None:
    """Let the assignments of before go on: the tenant that had the device finds its history again."""
    befores = {pk: original.before for pk, original in originals.items()}
    former = Touched.objects.filter(action=batch.action.undo_of_id, device=OuterRef("pk"))
    said = {name: Subquery(former.values(text=KT(f"before__{name}"))) for name in ("name", "description")}
    said["tags"] = Subquery(former.values(tags=KeyTransform("tags", "before")))
    assignments.restore_devices(batch.devices, to=befores, said=said, **batch.told)


def restore_tags(batch: Batch, originals: Originals) -> None:
    former = Touched.objects.filter(action=batch.action.undo_of_id, device=OuterRef("pk")).values("before")
    edits.change_devices(batch.devices, to={"tags": Patched(F("tags"), Subquery(former))}, **batch.told)


def restore_models(batch: Batch, originals: Originals) -> None:
    by_model: dict[int | None, list[Device]] = {}
    for device in batch.devices:
        by_model.setdefault(originals[device.pk].before["model"], []).append(device)
    for model, devices in by_model.items():
        edits.change_devices(devices, to={"model": model}, **batch.told)


def restore_versions(batch: Batch, originals: Originals) -> None:
    by_version: dict[int, list[Device]] = {}
    for device in batch.devices:
        by_version.setdefault(originals[device.pk].before["version"], []).append(device)
    known = RecipeVersion.objects.in_bulk(by_version)
    for pk, devices in by_version.items():
        versions.give_version(devices, version=known[pk], **batch.told)


def restore_changes(batch: Batch, originals: Originals) -> None:
    """Put devices back where they were, with what was written there; then set what else was changed of them."""
    moved = [device for device in batch.devices if "assignment" in originals[device.pk].before]
    if moved:
        restore_places(Batch(batch.action, moved), {device.pk: originals[device.pk] for device in moved})
    file_changes.restore(batch.devices, originals, former=batch.action.undo_of_id or 0, **batch.told)


def untie(batch: Batch, originals: Originals) -> None:
    file_changes.set_gateways(batch.devices, _list_ties(batch, originals, "after"), {}, **batch.told)


def tie_again(batch: Batch, originals: Originals) -> None:
    file_changes.set_gateways(batch.devices, {}, _list_ties(batch, originals, "before"), **batch.told)


def _list_ties(batch: Batch, originals: Originals, where: str) -> dict[int, list[int]]:
    return {device.pk: getattr(originals[device.pk], where).get("gateways", []) for device in batch.devices}


UNDO_HANDLERS: dict[str, Callable[[Batch, Originals], object]] = {
    BulkAction.Kind.MOVE: restore_places,
    BulkAction.Kind.RELEASE: restore_places,
    BulkAction.Kind.TAG: restore_tags,
    BulkAction.Kind.UNTAG: restore_tags,
    BulkAction.Kind.MODEL: restore_models,
    BulkAction.Kind.LOCK: lambda batch, _: locks.unlock_devices(batch.devices, **batch.told),
    BulkAction.Kind.CHANGE: restore_changes,
    BulkAction.Kind.UNLOCK: lambda batch, _: locks.lock_devices(batch.devices, **batch.told),
    BulkAction.Kind.RETIRE: lambda batch, _: retirement.bring_back_devices(batch.devices, **batch.told),
    BulkAction.Kind.RESTORE: lambda batch, _: retirement.retire_devices(batch.devices, **batch.told),
    BulkAction.Kind.RECIPE: restore_versions,
    BulkAction.Kind.TIE: untie,
    BulkAction.Kind.UNTIE: tie_again,
    BulkAction.Kind.PERSON: restore_places,
}
