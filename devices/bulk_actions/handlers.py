"""What each kind of action does to a batch of devices: a few statements, and an event for each device.

A batch is locked and judged before; every function gets the devices that change, and answers with what they were
before and are now, for whoever undoes it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, Func, JSONField, OuterRef, Subquery, Value
from django.db.models.functions import Now

from devices.bulk_actions.eligibility import Params
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import Action, Credential, Device, Event, Touched
from lib import key_wrapping
from lib.db import bulk_sql, copy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

    Effect = Callable[["Batch"], "list[Touched]"]

Kind = Event.Kind


class Patched(Func):
    """A JSON object with another one's members on top; those that are null there are gone."""

    function = "JSON_PATCH"
    output_field = JSONField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Sequence[Any]]:
        return self.as_sql(compiler, connection, function="JSONB_STRIP_NULLS", arg_joiner=" || ", **extra)


class Batch(NamedTuple):
    action: Action
    devices: list[Device]

    @property
    def params(self) -> Params:
        return Params(**self.action.params)

    @property
    def keys(self) -> list[int]:
        return [device.pk for device in self.devices]

    @property
    def rows(self) -> Any:
        return Device.objects.filter(pk__among=self.keys)

    def record(self, kind: Event.Kind, keys: Collection[int] | None = None, **data: object) -> None:
        """An event for each, in the assignment that it has at this moment."""
        rows = Device.objects.filter(pk__among=self.keys if keys is None else keys)
        each = {"organisation_id": "organisation", "device_id": "pk", "assignment_id": "assignment"}
        text = json.dumps({"action": str(self.action.key), **data})
        bulk_sql.insert(Event, rows, each=each, same={"by_id": self.action.by_id, "kind": kind.value, "data": text})

    def record_keys(self, kind: Event.Kind, access_keys: Iterable[tuple[Device, str]]) -> None:
        """An event for each credential, in the assignment that its device was read with."""
        action, by, code = str(self.action.key), self.action.by_id, kind.value
        said = ((each, json.dumps({"action": action, "access_key": key})) for each, key in access_keys)
        rows = ((each.organisation_id, each.pk, each.assignment_id, by, code, text) for each, text in said)
        copy.write(Event, ["organisation_id", "device_id", "assignment_id", "by_id", "kind", "data"], rows)

    def touched(self, device: Device, before: object = None, after: object = None) -> Touched:
        return Touched(action=self.action, device=device, verdict="change", before=before or {}, after=after or {})


def move(batch: Batch) -> list[Touched]:
    params = batch.params
    former = [each.pk for each in batch.devices if each.assignment_id]
    batch.record(Kind.RELEASED, former)
    opened = assignments.assign_many(
        devices=batch.devices, group_id=params.group, keep=params.keep, by=batch.action.by, action=str(batch.action.key)
    )
    batch.record(Kind.MOVED, former)
    batch.record(Kind.PROVISIONED, opened.keys() - set(former))
    return [
        batch.touched(each, _place(each, named=not params.keep), {"assignment": opened[each.pk]})
        for each in batch.devices
    ]


def release(batch: Batch) -> list[Touched]:
    batch.record(Kind.RELEASED)
    assignments.release_many(devices=batch.devices, by=batch.action.by, action=str(batch.action.key))
    return [batch.touched(each, _place(each, named=True)) for each in batch.devices]


def _place(device: Device, *, named: bool) -> dict[str, object]:
    before: dict[str, object] = {"group": device.group_id, "assignment": device.assignment_id}
    if named and device.group_id:
        before |= {"name": device.name, "description": device.description, "tags": device.tags}
    return before


def tag(batch: Batch) -> list[Touched]:
    return _patch(batch, {batch.params.tag: batch.params.value})


def untag(batch: Batch) -> list[Touched]:
    return _patch(batch, {batch.params.tag: None})


def _patch(batch: Batch, patch: dict[str, str | None]) -> list[Touched]:
    batch.rows.update(tags=Patched(F("tags"), Value(patch, JSONField())))
    batch.record(Kind.CHANGED, tags=patch)
    return [batch.touched(each, {key: each.tags.get(key) for key in patch}, patch) for each in batch.devices]


def model(batch: Batch) -> list[Touched]:
    batch.rows.update(model=batch.params.model)
    batch.record(Kind.CHANGED, model=batch.params.model)
    after = {"model": batch.params.model}
    return [batch.touched(each, {"model": each.model_id}, after) for each in batch.devices]


def lock(batch: Batch) -> list[Touched]:
    batch.rows.update(locked_at=Now())
    batch.record(Kind.LOCKED)
    at = {pk: locked.isoformat() for pk, locked in batch.rows.values_list("pk", "locked_at")}
    return [batch.touched(each, None, {"locked_at": at[each.pk]}) for each in batch.devices]


def unlock(batch: Batch) -> list[Touched]:
    batch.rows.update(locked_at=None)
    batch.record(Kind.UNLOCKED)
    return [batch.touched(each) for each in batch.devices]


def reopen(batch: Batch) -> list[Touched]:
    hours = batch.action.organisation.activation_hours
    batch.rows.update(expires_at=Now() + timedelta(hours=hours))
    batch.record(Kind.OPENED_AGAIN)
    return [batch.touched(each) for each in batch.devices]


def revoke(batch: Batch) -> list[Touched]:
    live = Credential.objects.filter(device__among=batch.keys, revoked_at=None)
    keys: dict[int, list[str]] = {}
    for device, key in live.values_list("device_id", "access_key"):
        keys.setdefault(device, []).append(key)
    live.update(revoked_at=Now())
    batch.record_keys(Kind.CREDENTIAL_REVOKED, ((each, key) for each in batch.devices for key in keys.get(each.pk, ())))
    return [batch.touched(each) for each in batch.devices]


def reissue(batch: Batch) -> list[Touched]:
    """A new credential for each, made again from the delivery's key whenever that is asked for."""
    if batch.action.delivery is None:
        raise deliveries.Gone
    key = deliveries.key_of(batch.action.delivery)
    made = {each.pk: key_wrapping.access(key, each.pk) for each in batch.devices}
    old = Credential.objects.filter(device__among=batch.keys, revoked_at=None)
    former = list(old.values_list("pk", flat=True))
    kind, digest = Credential.Kind.ACCESS_KEY.value, credentials.digest
    within = {each.pk: each.assignment_id for each in batch.devices}
    rows = ((pk, kind, access.key, digest(access.secret), within[pk]) for pk, access in made.items())
    copy.write(Credential, ["device_id", "kind", "access_key", "secret_hash", "assignment_id"], rows)
    # Ordered by the device too, else PostgreSQL may walk all credentials from the last one back.
    newest = Credential.objects.filter(device=OuterRef("device")).order_by("-device_id", "-pk").values("pk")[:1]
    end: dict[str, Any] = {"revoked_at": Now()} if batch.params.at_once else {"superseded_by": Subquery(newest)}
    Credential.objects.filter(pk__among=former).update(**end)
    batch.record_keys(Kind.CREDENTIAL_ROTATED, ((each, made[each.pk].key) for each in batch.devices))
    return [batch.touched(each) for each in batch.devices]


EFFECTS: dict[str, Effect] = {
    Action.Kind.MOVE: move,
    Action.Kind.RELEASE: release,
    Action.Kind.TAG: tag,
    Action.Kind.UNTAG: untag,
    Action.Kind.MODEL: model,
    Action.Kind.LOCK: lock,
    Action.Kind.UNLOCK: unlock,
    Action.Kind.REOPEN: reopen,
    Action.Kind.REVOKE: revoke,
    Action.Kind.REISSUE: reissue,
}
