"""What each kind of action does to a batch of devices: a few statements, and an event for each device.

A batch is locked and judged before; every function gets the devices that change, and answers with what they were
before and are now, for whoever undoes it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, Func, JSONField, OuterRef, Subquery, Value
from django.db.models.functions import Now

from devices import events
from devices.bulk_actions.eligibility import Params
from devices.credentials import deliveries
from devices.credentials import operations as credentials
from devices.events import Fact
from devices.lifecycle import assignments
from devices.models import Action, Credential, Device, Event, Touched
from lib import key_wrapping
from lib.db import copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

    from devices.models import CredentialQuerySet

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

    def record(self, kind: Event.Kind, **data: object) -> None:
        """Tell the same of each device."""
        events.record_many(kind, devices=self.keys, by=self.action.by_id, action=str(self.action.key), **data)

    def record_each(self, kind: Event.Kind, told: Iterable[tuple[Device, Mapping[str, object]]]) -> None:
        """Tell of each device something else, in the assignment that it was read with."""
        action = str(self.action.key)
        rows = (
            Fact(kind, each.organisation_id, each.pk, each.assignment_id, {**data, "action": action})
            for each, data in told
        )
        events.record_each(rows, by=self.action.by_id)

    def touched(self, device: Device, before: object = None, after: object = None) -> Touched:
        return Touched(action=self.action, device=device, verdict="change", before=before or {}, after=after or {})


def move(batch: Batch) -> list[Touched]:
    params = batch.params
    opened = assignments.assign_many(
        devices=batch.devices, group_id=params.group, keep=params.keep, by=batch.action.by, action=str(batch.action.key)
    )
    return [
        batch.touched(each, _place(each, named=not params.keep), {"assignment": opened[each.pk]})
        for each in batch.devices
    ]


def release(batch: Batch) -> list[Touched]:
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
    batch.record(Kind.CHANGED, fields=["tags"])
    return [batch.touched(each, {key: each.tags.get(key) for key in patch}, patch) for each in batch.devices]


def model(batch: Batch) -> list[Touched]:
    batch.rows.update(model=batch.params.model)
    batch.record(Kind.CHANGED, fields=["model"])
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
    every = Credential.objects.filter(device__among=batch.keys)
    credentials.revoke_many(every, batch.action.by, credentials.ALL_REVOKED, action=str(batch.action.key))
    return [batch.touched(each) for each in batch.devices]


def reissue(batch: Batch) -> list[Touched]:
    """A new credential for each, made again from the delivery's key whenever that is asked for."""
    if batch.action.delivery is None:
        raise deliveries.Gone
    key = deliveries.key_of(batch.action.delivery)
    made = {each.pk: key_wrapping.access(key, each.pk) for each in batch.devices}
    former: dict[int, dict[int, str]] = {each.pk: {} for each in batch.devices}
    old = Credential.objects.standing().filter(device__among=batch.keys).order_by("access_key")
    for pk, device, access_key in old.values_list("pk", "device_id", "access_key"):
        former[device][pk] = access_key
    kind, digest = Credential.Kind.ACCESS_KEY.value, credentials.digest
    within = {each.pk: each.assignment_id for each in batch.devices}
    rows = ((pk, kind, access.key, digest(access.secret), within[pk]) for pk, access in made.items())
    copy.write(Credential, ["device_id", "kind", "access_key", "secret_hash", "assignment_id"], rows)
    rotated = (
        (each, {"access_key": made[each.pk].key, "instead_of": list(former[each.pk].values())})
        for each in batch.devices
    )
    batch.record_each(Kind.CREDENTIAL_ROTATED, rotated)
    _end(batch, Credential.objects.filter(pk__among=[pk for keys in former.values() for pk in keys]))
    return [batch.touched(each) for each in batch.devices]


def _end(batch: Batch, former: CredentialQuerySet) -> None:
    if batch.params.at_once:
        credentials.revoke_many(former, batch.action.by, credentials.ROTATED, action=str(batch.action.key))
        return
    # Ordered by the device too, else PostgreSQL may walk all credentials from the last one back.
    newest = Credential.objects.filter(device=OuterRef("device")).order_by("-device_id", "-pk").values("pk")[:1]
    former.update(superseded_by=Subquery(newest))


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
