"""The way back: each device of an action as it was before, if it is still as the action left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Now

from devices.bulk_actions.eligibility import CHANGE, FULL, NO_LEAF, NOT_YOURS, SINCE
from devices.bulk_actions.handlers import Batch, Patched
from devices.lifecycle import assignments
from devices.models import Action, Assignment, Device, Event, Touched
from devices.tags import MOST
from tenants.models import Group, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import DeviceQuerySet
    from tenants.models import User

    Originals = dict[int, Touched]

PLACES = {Action.Kind.MOVE, Action.Kind.RELEASE}


def scope(action: Action, user: User) -> DeviceQuerySet:
    """Devices that the user manages; after a release, those in no group too, which came from groups of theirs."""
    mine = Device.objects.manageable_by(user)
    if action.kind != Action.Kind.RELEASE:
        return mine
    return mine | Device.objects.filter(group=None, organisation=action.organisation_id)


def lock_places(originals: Originals) -> set[int]:
    """The former groups that can hold devices again, held as they are: before the devices, as `assign` does."""
    return assignments.lock_leaves({each.before["group"] for each in originals.values() if each.before.get("group")})


def judge(action: Action, devices: list[Device], originals: Originals, leaves: set[int], user: User) -> None:
    """Sets `verdict` on each."""
    paths = dict(Group.objects.filter(pk__in=leaves).values_list("pk", "path"))
    latest = _latest(devices) if action.kind == Action.Kind.RELEASE else {}
    for device in devices:
        original = originals[device.pk]
        group = original.before.get("group")
        device.verdict = CHANGE
        if not _as_left(action.kind, device, original, latest.get(device.pk)):
            device.verdict = SINCE
        elif action.kind == Action.Kind.UNTAG and _is_full(device, original):
            device.verdict = FULL
        elif group and group not in leaves:
            device.verdict = NO_LEAF
        elif group and not user.may(Role.ADMIN, paths[group]):
            device.verdict = NOT_YOURS


def _is_full(device: Device, original: Touched) -> bool:
    return len(device.tags) >= MOST and not original.before.keys() <= device.tags.keys()


def _latest(devices: list[Device]) -> dict[int, int]:
    rows = Assignment.objects.filter(device__among=[device.pk for device in devices]).order_by()
    return dict(rows.values_list("device").annotate(latest=Max("pk")))


def _as_left(kind: str, device: Device, original: Touched, latest: int | None) -> bool:
    after: dict[str, Any] = original.after
    if kind == Action.Kind.MOVE:
        return bool(device.assignment_id == after["assignment"])
    if kind == Action.Kind.RELEASE:
        return device.assignment_id is None and latest == original.before["assignment"]
    if kind == Action.Kind.MODEL:
        return bool(device.model_id == after["model"])
    if kind == Action.Kind.LOCK:
        return device.locked_at is not None and device.locked_at.isoformat() == after["locked_at"]
    if kind == Action.Kind.UNLOCK:
        return device.locked_at is None
    return all(device.tags.get(key) == value for key, value in after.items())


def places(batch: Batch, originals: Originals) -> None:
    """The assignments of before go on: the tenant that had the device finds its history again."""
    befores = {pk: original.before for pk, original in originals.items()}
    former = Touched.objects.filter(action=batch.action.undo_of_id, device=OuterRef("pk"))
    said = {name: Subquery(former.values(text=KT(f"before__{name}"))) for name in ("name", "description")}
    said["tags"] = Subquery(former.values(tags=KeyTransform("tags", "before")))
    assignments.restore_many(
        devices=batch.devices, to=befores, said=said, by=batch.action.by, action=str(batch.action.key)
    )


def tags(batch: Batch, originals: Originals) -> None:
    former = Touched.objects.filter(action=batch.action.undo_of_id, device=OuterRef("pk"))
    batch.rows.update(tags=Patched(F("tags"), Subquery(former.values("before"))))
    batch.record(Event.Kind.CHANGED, fields=["tags"])


def models(batch: Batch, originals: Originals) -> None:
    by_model: dict[int | None, list[int]] = {}
    for pk in batch.keys:
        by_model.setdefault(originals[pk].before["model"], []).append(pk)
    for model, keys in by_model.items():
        Device.objects.filter(pk__among=keys).update(model=model)
    batch.record(Event.Kind.CHANGED, fields=["model"])


def unlock(batch: Batch, originals: Originals) -> None:
    batch.rows.update(locked_at=None)
    batch.record(Event.Kind.UNLOCKED)


def lock(batch: Batch, originals: Originals) -> None:
    batch.rows.update(locked_at=Now())
    batch.record(Event.Kind.LOCKED)


WAYS_BACK: dict[str, Callable[[Batch, Originals], None]] = {
    Action.Kind.MOVE: places,
    Action.Kind.RELEASE: places,
    Action.Kind.TAG: tags,
    Action.Kind.UNTAG: tags,
    Action.Kind.MODEL: models,
    Action.Kind.LOCK: unlock,
    Action.Kind.UNLOCK: lock,
}
