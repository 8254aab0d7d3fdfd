"""Making, changing and ending doors, and the keys by which callers are known at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from devices import events
from devices.models import Event
from lib import names
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.models import Door, DoorKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tenants.models import Organisation, User

POLICY = ("name", "group", "admits", "pattern", "networks", "cap", "expires_at", "settings")
"""What may change while a door is open; its recipe, its kind and what it made stay."""
MOST_KEYS = 20


def create_door(
    *,
    organisation: Organisation,
    kind: str,
    fields: Mapping[str, Any],
    by: User,
    prepare: Callable[[Door], None] | None = None,
) -> Door:
    """Make a door of `recipe` and `POLICY`; `prepare` is its kind's part of the transaction. Raises Refusal."""
    with transaction.atomic():
        door = Door(organisation=organisation, kind=kind, by=by, recipe=fields["recipe"])
        for name in POLICY:
            setattr(door, name, fields[name])
        door.name = names.clean_name(door.name)
        _save(door)
        if prepare:
            prepare(door)
        record_change(door, by, "made")
    return door


def change_door(*, door: Door, fields: Mapping[str, Any], by: User) -> bool:
    """Change what is given of `POLICY`; return whether anything did. Raises Refusal."""
    with transaction.atomic():
        door = Door.objects.select_for_update(no_key=True, of=("self",)).get(pk=door.pk)
        if door.ended_at:
            raise Refusal(refusals.DOOR_ENDED_ALREADY)
        changed = [name for name in POLICY if name in fields and getattr(door, name) != fields[name]]
        for name in changed:
            setattr(door, name, fields[name])
        door.name = names.clean_name(door.name)
        if changed:
            _save(door, update_fields=changed)
            words = ", ".join("expiry" if name == "expires_at" else name for name in changed)
            record_change(door, by, f"changed: {words}")
    return bool(changed)


def end_door(*, door: Door, by: User) -> bool:
    """Let nobody in by it any more, from now on and for good; return whether this call did."""
    with transaction.atomic():
        if Door.objects.filter(pk=door.pk, ended_at=None).update(ended_at=Now()) != 1:
            return False
        record_change(door, by, "ended")
    return True


def add_keys(*, door: Door, keys: Sequence[DoorKey], by: User, most: int = MOST_KEYS) -> None:
    """Add keys that are not stored yet. Raises Refusal where the door would have too many."""
    with transaction.atomic():
        held = Door.objects.select_for_update(no_key=True, of=("self",)).get(pk=door.pk)
        if held.ended_at:
            raise Refusal(refusals.DOOR_ENDED_ALREADY)
        if DoorKey.objects.of(door).filter(ended_at=None).count() + len(keys) > most:
            raise Refusal(refusals.DOOR_TOO_MANY_KEYS, most=most)
        for key in keys:
            key.door, key.by = door, by
            key.save()
            record_change(door, by, f"key {key} added")


def end_key(*, key: DoorKey, by: User) -> bool:
    """Let nobody in by the key any more; return whether this call did. What it made stays."""
    with transaction.atomic():
        if DoorKey.objects.filter(pk=key.pk, ended_at=None).update(ended_at=Now()) != 1:
            return False
        record_change(key.door, by, f"key {key} ended")
    return True


def record_change(door: Door, by: User, act: str) -> None:
    kind = Event.Kind.DOOR_CHANGED
    events.record(kind, organisation=door.organisation_id, by=by, door=str(door.key), name=door.name, act=act)


def _save(door: Door, **how: Any) -> None:
    try:
        with transaction.atomic():
            door.save(**how)
    except IntegrityError:
        raise Refusal(refusals.DOOR_NAME_TAKEN, field="name") from None
