"""A device registers with its registration token: at first it comes to be, after that it gets its next credential."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.cache import cache
from django.db import transaction
from django.db.models.functions import Now

from devices.credentials.operations import make_random
from devices.lifecycle import edits
from devices.models import Credential
from lib import live
from lib.prepared import Update, prepared, prepared_update
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.approval import decisions, registration_tokens
from provisioning.doors.refused_attempts import note_refusal
from provisioning.doors.registration import check_address, lock_place, place, register_by_door
from provisioning.doors.renewal import renew_credential
from provisioning.models import ProvisioningOperation, RegistrationToken, express_state

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from devices.credentials.operations import Issued
    from devices.models import Device
    from provisioning.models import Door
    from tenants.models import Organisation

DAYS = 30  # of a credential, unless the door says otherwise
LONGER = timedelta(minutes=10)
"""A credential works so much longer than its device is told: that looks once a minute, and then asks for the next."""

BELIEVED = 20
"""Seconds for which a device that asked too soon is told so without the database, and without being counted again: one
that can't connect asks each five seconds, for ever."""


class Registered(NamedTuple):
    """Hold what a device gets: `expires_at` is told of its credential, `remaining` is its token's time, None for
    ever."""

    device: Device
    issued: Issued
    expires_at: datetime
    remaining: timedelta | None


def register(*, token: str, address: str | None, organisation: Organisation | None) -> Registered:
    """Let the device in that holds the token, or renew its credential. Raises Refusal, counted at the door.

    Of many calls with a token one makes the device, one event and one credential; the others are told to wait.
    """
    asked = f"door-too-soon:{registration_tokens.hash_token(token).hex()}"
    if seconds := cache.get(asked):
        raise _say_too_soon(timedelta(seconds=seconds))
    found = registration_tokens.find_token(token, organisation)
    operation = found.operation
    door = operation.door
    try:
        check_address(door, address)
        with transaction.atomic():
            device, issued, expires_at = _register(found, door, address)
    except Refusal as refusal:
        if refusal.kind is refusals.DOOR_TOO_SOON:
            cache.set(asked, refusal.retry_seconds, BELIEVED)
        note_refusal(refusal, door=door, identity=operation.identity, device=operation.device)
        raise
    remaining = found.expires_at - found.now if found.expires_at else None
    return Registered(device, issued, expires_at, remaining)


def _register(found: RegistrationToken, door: Door, address: str | None) -> tuple[Device, Issued, datetime]:
    held = _hold(found)
    registration_tokens.require_standing(found)
    until = found.now + timedelta(days=door.settings.get("credential_days") or DAYS)
    if held.device is None:
        device, issued = _make(held, door, address, until + LONGER)
        _give_name(held, device)
    else:
        device, group = held.device, held.group_id if held.registered_at is None else None
        lock_place(device, group)
        is_theirs = held.by is not None and decisions.may_let_in(held.by, device)
        issued = renew_credential(door=door, device=device, too_soon=_say_too_soon)
        Credential.objects.filter(access_key=issued.access_key).update(expires_at=until + LONGER)
        if held.registered_at is None and is_theirs:
            _give_name(held, device)
        place(device, group, held.by)
    _note_registered(held.pk, device.pk)
    transaction.on_commit(lambda: live.announce([held.topic]))
    registration_tokens.note_use(found, device, is_first=held.device is None)
    return device, issued, until


def _give_name(held: ProvisioningOperation, device: Device) -> None:
    """Call a device that was there before as whoever approved it did."""
    if held.name and device.name != held.name:
        edits.change_devices([device], to={"name": held.name}, by=held.by)


@prepared_update
def _note_registered(operation: int, device: int) -> Update:
    rows = ProvisioningOperation.objects.filter(pk=operation, registered_at=None)
    return Update(rows, {"device": device, "registered_at": Now()})


def _say_too_soon(wait: timedelta) -> Refusal:
    return Refusal(refusals.DOOR_TOO_SOON, seconds=wait.seconds, retry_seconds=wait.seconds)


def _hold(found: RegistrationToken) -> ProvisioningOperation:
    """Lock the operation until the transaction ends, and read it and its token as they are then."""
    _lock(found.operation_id)
    now: Any = _select_held(found.pk)[0]  # after that: what a statement joins stays as it was before it waited
    held: ProvisioningOperation = now.operation
    found.ended_at, found.successor_id = now.ended_at, now.successor_id
    found.operation.device, found.operation.outcome = held.device, held.outcome
    found.operation.door.state = now.door_state
    if held.token:
        held.token.state = now.token_state
    return held


@prepared
def _lock(operation: int) -> QuerySet[ProvisioningOperation, int]:
    rows = ProvisioningOperation.objects.filter(pk=operation)
    return rows.select_for_update(no_key=True).values_list("pk", flat=True)


@prepared
def _select_held(token: int) -> QuerySet[RegistrationToken]:
    joined = (f"operation__{each}" for each in ("device__version", "token", "by"))
    states: dict[str, Any] = {f"{each}_state": express_state(f"operation__{each}__") for each in ("door", "token")}
    return RegistrationToken.objects.filter(pk=token).select_related(*joined).annotate(**states)


def _make(held: ProvisioningOperation, door: Door, address: str | None, ends_at: datetime) -> tuple[Device, Issued]:
    device, issued = register_by_door(
        door=door,
        identity=held.identity,
        key=held.token,
        address=address,
        name=held.name,
        goes_by_id=True,
        group=held.group_id,
        by=held.by,
        make=partial(make_random, ends_at=ends_at),
    )
    assert issued is not None
    return device, issued
