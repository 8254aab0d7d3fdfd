"""Registration tokens: issued to a device that was approved, refreshed by it, and ended. One of a device counts."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices.credentials import operations as credentials
from devices.models import Event
from lib.prepared import Update, prepared, prepared_update
from lib.refusals import Refusal
from provisioning.doors import operations, own_ids, refusals
from provisioning.doors.approval import decisions
from provisioning.doors.refused_attempts import note_refusal
from provisioning.doors.registration import check_address
from provisioning.models import Door, ProvisioningOperation, RegistrationToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from devices.models import Device
    from provisioning.models import DoorKey
    from tenants.models import Organisation, User

BY_PEOPLE = ("revoked", credentials.ALL_REVOKED)
"""Why a credential ended that somebody revoked: the device's registration token ends with it."""
SAME = "door__recipe__organisation"


class Issued(NamedTuple):
    """Hold a token, which only this answer can tell, and until when it counts."""

    token: str
    expires_at: datetime | None


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def issue_first(operation: ProvisioningOperation) -> Issued:
    """Return a token for an approved operation; those before end. Raises Refusal where it was cancelled meanwhile, or
    served already: a device that registered keeps its token, and who is out is let in by a new approval alone."""
    with transaction.atomic():
        held = _hold(operation.pk)
        if held.outcome != ProvisioningOperation.State.APPROVED:
            raise Refusal(refusals.OPERATION_CANCELLED)
        if held.registered_at is not None or _was_ended_by_somebody(held) or _was_replaced(held):
            raise Refusal(refusals.OPERATION_SERVED)
        RegistrationToken.objects.filter(operation=held, ended_at=None).update(ended_at=Now())
        return _issue(held)[1]


def refresh(*, key: DoorKey, token: str, address: str | None) -> Issued:
    """Return a new token instead of one that stands, or of one whose successor was never used: the answer with it may
    have been lost. Raises Refusal, counted at the door."""
    # What came by a door stays when the door or its token is ended: no more is asked than the token's own end.
    rows = RegistrationToken.objects.with_state().select_related(f"operation__{SAME}", "successor", "operation__device")
    found = rows.filter(token_hash=hash_token(token), operation__door=key.door, operation__token=key).first()
    device = found.operation.device if found else None
    try:
        check_address(key.door, address)
        return _replace(found)
    except Refusal as refusal:
        identity = found.operation.identity if found else ""
        note_refusal(refusal, door=key.door, identity=identity, device=device)
        raise


def _replace(former: RegistrationToken | None) -> Issued:
    if former is None or former.over or _was_ended_by_somebody(former.operation):
        raise Refusal(refusals.REGISTRATION_TOKEN_OTHER)
    with transaction.atomic():
        held = _hold(former.operation_id)
        former.refresh_from_db(fields=["ended_at", "successor"])
        lost = former.successor
        if former.ended_at is not None and (lost is None or lost.ended_at is not None or lost.used_at is not None):
            raise Refusal(refusals.REGISTRATION_TOKEN_OTHER)
        RegistrationToken.objects.filter(operation=held, ended_at=None).update(ended_at=Now())
        made, issued = _issue(held)
        RegistrationToken.objects.filter(pk=former.pk).update(successor=made)
        return issued


def find_token(token: str, organisation: Organisation | None) -> RegistrationToken:
    """Return the registration token, whether it still counts or not. Raises Refusal."""
    found = _select_token(hash_token(token))
    if not found or (organisation is not None and found[0].operation.organisation_id != organisation.pk):
        raise Refusal(refusals.DOOR_UNKNOWN)
    return found[0]


@contextmanager
def counted_for(token: str, organisation: Organisation | None) -> Iterator[None]:
    """Count what is refused within at the door of the token, and at its device. Raises Refusal, for an unknown one that
    alone."""
    try:
        yield
    except Refusal as refusal:
        operation = find_token(token, organisation).operation
        note_refusal(refusal, door=operation.door, identity=operation.identity, device=operation.device)
        raise


@prepared
def _select_token(token_hash: bytes) -> QuerySet[RegistrationToken]:
    rows = RegistrationToken.objects.with_state().select_related(f"operation__{SAME}", "operation__device")
    return rows.defer(f"operation__{SAME}__logo").filter(token_hash=token_hash)


def require_standing(token: RegistrationToken) -> None:
    """Raise Refusal unless the token counts."""
    if token.ended_at is not None or _was_ended_by_somebody(token.operation):
        raise Refusal(refusals.REGISTRATION_TOKEN_ENDED)
    if token.over:
        raise Refusal(refusals.REGISTRATION_TOKEN_EXPIRED)
    if token.operation.outcome != ProvisioningOperation.State.APPROVED:
        raise Refusal(refusals.REGISTRATION_TOKEN_ENDED)


def note_use(token: RegistrationToken, device: Device, *, is_first: bool) -> None:
    """Note that the device registered with it: all others of the device end. One that is there the first time has no
    other: an operation's end before it has the next."""
    _note_used(token.pk)
    if is_first:
        return
    own = RegistrationToken.objects.filter(operation__device=device, ended_at=None)
    own.exclude(pk=token.pk).update(ended_at=Now())


@prepared_update
def _note_used(token: int) -> Update:
    return Update(RegistrationToken.objects.filter(pk=token, used_at=None), {"used_at": Now()})


def revoke(*, door: Door, device: Device, by: User) -> bool:
    """End the registration tokens of a device, and with them its credentials and approvals that it did not use yet: it
    is out until somebody approves it again. Return whether this call did."""
    own = RegistrationToken.objects.filter(operation__device=device, ended_at=None)
    of = ProvisioningOperation.State
    unused = ProvisioningOperation.objects.filter(device=device, outcome=of.APPROVED, registered_at=None)
    with transaction.atomic():
        cancelled = [decisions.cancel_operation(operation=each, by=by) for each in unused.select_related("door")]
        if not (own.update(ended_at=Now()) or any(cancelled)):
            return False
        credentials.revoke_all_credentials([device], by=by)
        operations.record_change(door, by, f"registration token of {device.own_id} revoked")
    return True


def _was_ended_by_somebody(operation: ProvisioningOperation) -> bool:
    """Return whether somebody revoked a credential of its device since it was approved: that would come back by it."""
    if operation.device_id is None:
        return False
    since = Event.objects.filter(device=operation.device_id, at__gte=operation.decided_at)
    revoked = since.filter(kind=Event.Kind.CREDENTIAL_REVOKED)
    return revoked.filter(Q(data__reason=BY_PEOPLE[0]) | Q(data__reason=BY_PEOPLE[1])).exists()


def _was_replaced(operation: ProvisioningOperation) -> bool:
    """Return whether another one, approved later for the same ID, brought its device in."""
    device = operation.device or own_ids.find_own(operation.organisation_id, operation.identity)
    later = ProvisioningOperation.objects.filter(decided_at__gt=operation.decided_at, registered_at__isnull=False)
    return device is not None and later.filter(device=device).exists()


def _issue(operation: ProvisioningOperation) -> tuple[RegistrationToken, Issued]:
    days = operation.door.settings.get("token_days")
    token = secrets.token_urlsafe(32)
    made = RegistrationToken.objects.create(
        operation=operation, token_hash=hash_token(token), expires_at=Now() + timedelta(days=days) if days else None
    )
    made.refresh_from_db(fields=["issued_at", "expires_at"])
    return made, Issued(token, made.expires_at)


def _hold(pk: int) -> ProvisioningOperation:
    """Lock the operation until the transaction ends."""
    return ProvisioningOperation.objects.select_for_update(no_key=True, of=("self",)).select_related("door").get(pk=pk)
