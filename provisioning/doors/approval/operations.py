"""The door of approval: a device asks to come in, somebody who may register devices decides, it fetches its token."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from lib import live
from lib.refusals import Refusal
from provisioning.doors import operations, own_ids, refusals
from provisioning.doors.approval import codes, registration_tokens
from provisioning.doors.refused_attempts import note_refusal
from provisioning.doors.registration import check_policy
from provisioning.models import Door, DoorKey, ProvisioningOperation
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioning.doors.approval.registration_tokens import Issued
    from tenants.models import Organisation

State = ProvisioningOperation.State
SHOWN = 8  # characters of a token
WAITS = 60  # minutes, unless the door says otherwise
KEPT = timedelta(days=30)
MOST, MOST_OF_ADDRESS = 500, 200  # that wait at a door at the same time
INTERVAL = timedelta(seconds=5)  # between two questions of a client that is told so
EARLY = timedelta(seconds=1)  # so much earlier it may come, as networks go
ATTEMPTS = 5  # at a code that nobody has
MOST_TOKENS = 10_000  # of a door: one for each device, too


class Told(NamedTuple):
    """Hold what a device says of itself when it asks to come in: ID, and name -> text, for whoever decides."""

    own_id: str = ""
    said: Mapping[str, str] = {}


# The admin's side ------------------------------------------------------------------------------


def make_token(
    *, door: Door, by: User, identity: str = "", cap: int | None = None, expires_at: Any = None
) -> tuple[DoorKey, str]:
    """Make one more provisioning token of the door, of which only the hash stays: for the one device that goes by this
    ID, or for any. Raises Refusal."""
    token = secrets.token_urlsafe(32)
    name = f"Token {token[:SHOWN]}…" + (f" for {own_ids.check_id(identity)}" if identity else "")
    key = DoorKey(name=name, secret_hash=registration_tokens.hash_token(token), prefix=token[:SHOWN])
    key.identity, key.cap, key.expires_at = identity, cap, expires_at
    operations.add_keys(door=door, keys=[key], by=by, most=MOST_TOKENS)
    return key, token


# The device's side -----------------------------------------------------------------------------


def find_key(token: str, organisation: Organisation | None) -> DoorKey:
    """Return the key that the provisioning token is. Raises Refusal."""
    keys = DoorKey.objects.filter(door__kind=Door.Kind.APPROVAL).select_related("door__recipe__organisation")
    if organisation is not None:
        keys = keys.filter(door__organisation=organisation)
    if (key := keys.filter(secret_hash=registration_tokens.hash_token(token)).first()) is None:
        raise Refusal(refusals.DOOR_UNKNOWN)
    return key


def start_operation(*, key: DoorKey, told: Told, address: str | None) -> ProvisioningOperation:
    """Let the device wait for approval. Raises Refusal, counted at the door."""
    door = key.door
    own_id = told.own_id or key.identity
    try:
        check_policy(door, own_id, key=key, address=address)
        _check_room(door, address)
        return _start(key, own_id, told, address)
    except Refusal as refusal:
        note_refusal(refusal, door=door, identity=own_id, device=own_ids.find_claimed(door, own_id))
        raise


def _check_room(door: Door, address: str | None) -> None:
    waiting = ProvisioningOperation.objects.of(door).pending()
    for rows, most in ((waiting, MOST), (waiting.filter(address=_cut(address)), MOST_OF_ADDRESS)):
        if rows.count() >= most:
            raise Refusal(refusals.OPERATIONS_TOO_MANY, most=most, retry_seconds=60)


def _start(key: DoorKey, own_id: str, told: Told, address: str | None) -> ProvisioningOperation:
    door = key.door
    fields = {"door": door, "token": key, "organisation": door.organisation, "identity": own_id}
    told_too = {"said": dict(told.said), "address": _cut(address)}
    _drop_old(door)
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic():
                made = ProvisioningOperation.objects.create(
                    **fields, **told_too, code=codes.make_code(), expires_at=Now() + _get_wait(door)
                )
        except IntegrityError:  # chance, once in millions: another one that waits has this code
            continue
        made.refresh_from_db(fields=["started_at", "expires_at"])
        live.announce([made.topic])
        return made
    raise Refusal(refusals.OPERATIONS_TOO_MANY, most=MOST, retry_seconds=60)


def _cut(address: str | None) -> str:
    return (address or "")[:64]


def _get_wait(door: Door) -> timedelta:
    return timedelta(minutes=door.settings.get("waits") or WAITS)


def _drop_old(door: Door) -> None:
    """Forget some that never registered, long ago."""
    old = ProvisioningOperation.objects.of(door).filter(expires_at__lt=Now() - KEPT, registered_at=None)
    old.filter(pk__in=list(old.values_list("pk", flat=True)[:20])).delete()


def complete_operation(*, key: DoorKey, operation: str, address: str | None) -> Issued | None:
    """Return the device's registration token once it was approved, None before; asked again, a new one instead. Raises
    Refusal, counted at the door."""
    door = key.door
    found = None
    try:
        check_policy(door, key=key, address=address, makes=False)
        found = _find_asked(key, operation)
        if found.state == State.PENDING:
            return None
        return registration_tokens.issue_first(found)
    except Refusal as refusal:
        identity = found.identity if found else key.identity
        device = found.device if found else own_ids.find_claimed(door, identity)
        note_refusal(refusal, door=door, identity=identity, device=device)
        raise


def poll_operation(*, key: DoorKey, operation: str, address: str | None) -> Issued:
    """Return what `complete_operation` does; raise Refusal, too, while nobody decided, and for who asks too often."""
    issued = complete_operation(key=key, operation=operation, address=address)
    if issued is not None:
        return issued
    rows = ProvisioningOperation.objects.filter(token=key, key=operation)
    in_time = Q(asked_at=None) | Q(asked_at__lte=Now() - (INTERVAL - EARLY))
    if rows.filter(in_time).update(asked_at=Now()) != 1:
        raise Refusal(refusals.OPERATION_ASKED_OFTEN)
    raise Refusal(refusals.OPERATION_PENDING)


def _find_asked(key: DoorKey, operation: str) -> ProvisioningOperation:
    """Return the operation that was begun with this token. Raises Refusal, also where it ended."""
    try:
        wanted = UUID(operation)
    except ValueError:
        raise Refusal(refusals.OPERATION_UNKNOWN) from None
    rows = ProvisioningOperation.objects.with_state().select_related("door", "device")
    if (found := rows.filter(token=key, key=wanted).first()) is None:
        raise Refusal(refusals.OPERATION_UNKNOWN)
    if found.state == State.CANCELLED:
        raise Refusal(refusals.OPERATION_CANCELLED)
    if found.state == State.EXPIRED:
        raise Refusal(refusals.OPERATION_EXPIRED)
    return found
