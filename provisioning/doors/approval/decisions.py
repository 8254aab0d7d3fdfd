"""What people decide of a device that waits: that it comes in, under which ID and in which group, or that it does not.

The code that the device shows proves that whoever approves it stands before it.
"""

from __future__ import annotations

from datetime import timedelta
from hmac import compare_digest
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from devices import events
from devices.models import Device, Event
from devices.refusals import GROUP_TAKES_NO_DEVICES
from lib import live, names
from lib.refusals import Refusal
from provisioning.doors import own_ids, refusals
from provisioning.doors.approval import codes
from provisioning.doors.registration import check_policy
from provisioning.models import ProvisioningOperation
from provisioning.refusals import OPERATION_LOCKED, WITHOUT_PROOF, WRONG_CODE
from tenants.models import Group, Role, User

State = ProvisioningOperation.State
FETCHED_WITHIN = timedelta(hours=24)
MOST_WRONG = 10  # codes for one that waits


def approve_operation(
    *,
    operation: ProvisioningOperation,
    by: User,
    code: str = "",
    identity: str = "",
    name: str = "",
    group: Group | None = None,
) -> None:
    """Let the device in, under an ID, a name and in a group; of many who decide at once one wins. Raises Refusal.

    It comes to be when it registers. One that goes by this ID already gets a new token instead, and stays where it is.
    Without the code that it shows admins alone may do it, into groups that they manage.
    """
    own_id = _choose_id(operation, identity.strip())
    name = names.clean_name(name) if name.strip() else ""
    _require_proof(operation, by, code, group)
    with transaction.atomic():
        taker = User.objects.get(pk=by.pk)  # with the roles of this moment
        if group is not None and not Group.objects.registrable_by(taker).filter(pk=group.pk).exists():
            raise Refusal(GROUP_TAKES_NO_DEVICES, field="group")
        device = own_ids.find_own(operation.organisation_id, own_id)
        if device is not None and not (may_let_in(by, device) and may_let_in(taker, device)):
            raise Refusal(refusals.OPERATION_ID_TAKEN, field="identity")
        to: dict[str, Any] = {"identity": own_id, "name": name, "group": group, "device": device, "by": by}
        _require_open_door(operation, own_id, device, by)
        if not operation.close(State.APPROVED, only_if=Q(outcome=""), expires_at=Now() + FETCHED_WITHIN, **to):
            raise _refuse_decided(operation)
        _record(Event.Kind.OPERATION_APPROVED, operation, by, own_id)


def cancel_operation(*, operation: ProvisioningOperation, by: User) -> bool:
    """Turn the device away, also one that was approved and has not registered yet; return whether this call did."""
    undecided = Q(outcome="") | Q(outcome=State.APPROVED, registered_at=None)
    with transaction.atomic():
        if not operation.close(State.CANCELLED, only_if=undecided, by=by):
            return False
        _record(Event.Kind.OPERATION_CANCELLED, operation, by, operation.identity)
    return True


def _require_proof(operation: ProvisioningOperation, by: User, code: str, group: Group | None) -> None:
    """Raise Refusal unless the code is the device's, or the user may do without. Each try is counted, and committed,
    before it is looked at."""
    if not code.strip():
        is_admin = by.may(Role.ADMIN, group.path) if group else bool(by.reach(Role.ADMIN))
        if not is_admin and not operation.organisation.skip_presence:
            raise Refusal(WITHOUT_PROOF, field="code")
        return
    waiting = ProvisioningOperation.objects.pending().filter(pk=operation.pk)
    if not waiting.filter(wrong_codes__lt=MOST_WRONG).update(wrong_codes=F("wrong_codes") + 1):
        raise Refusal(OPERATION_LOCKED, field="code") if waiting.exists() else _refuse_decided(operation)
    if not compare_digest(codes.read_code(code), operation.code):
        raise Refusal(WRONG_CODE, field="code")
    waiting.update(wrong_codes=F("wrong_codes") - 1)


def _choose_id(operation: ProvisioningOperation, identity: str) -> str:
    fixed = operation.token.identity
    if fixed and identity not in ("", fixed):
        raise Refusal(refusals.OPERATION_ID_FIXED, field="identity", identity=fixed)
    chosen = identity or operation.identity
    if not chosen:
        raise Refusal(refusals.OPERATION_NO_ID, field="identity")
    try:
        return own_ids.check_id(chosen)
    except Refusal as refusal:
        raise refusal.at("identity") from None


def may_let_in(user: User, device: Device) -> bool:
    """Decide whether the user may give this device a new token: it is in no group, or in one in which they may register
    devices, and nobody else's there."""
    if device.group is None:
        return bool(user.reach(Role.TECHNICIAN))
    is_others = device.person_id not in (None, user.pk)
    return user.may(Role.ADMIN if is_others else Role.TECHNICIAN, device.group.path)


def _require_open_door(operation: ProvisioningOperation, own_id: str, device: Device | None, by: User) -> None:
    """Raise Refusal where the device would be refused when it registers, as all is now: by the door, or for what it
    is, as far as whoever approves it may know that."""
    door = operation.door
    try:
        check_policy(door, own_id, key=operation.token, address=operation.address, makes=device is None)
    except Refusal as refusal:
        if refusal.kind is refusals.DOOR_IDENTITY_OTHER:
            raise Refusal(
                refusals.OPERATION_ID_NOT_FOR_DOOR, field="identity", door=door.name, pattern=door.pattern
            ) from None
        raise Refusal(refusals.OPERATION_DOOR_CLOSED, door=door.name) from None
    known = device or own_ids.find_claimed(door, own_id)
    if known and may_let_in(by, known) and not Device.objects.filter(Device.may_connect(), pk=known.pk).exists():
        raise Refusal(refusals.OPERATION_DEVICE_BARRED, field="identity")


def _refuse_decided(operation: ProvisioningOperation) -> Refusal:
    now = ProvisioningOperation.objects.with_state().filter(pk=operation.pk).first()
    is_over = now is None or now.state == State.EXPIRED
    return Refusal(refusals.OPERATION_EXPIRED if is_over else refusals.OPERATION_DECIDED)


def _record(kind: Event.Kind, operation: ProvisioningOperation, by: User, identity: str) -> None:
    door = operation.door
    told: dict[str, Any] = {"door": str(door.key), "name": door.name, "operation": str(operation.key)}
    events.record(kind, organisation=operation.organisation_id, by=by, identity=identity, **told)
    transaction.on_commit(lambda: live.announce([operation.topic]))
