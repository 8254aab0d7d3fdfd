"""The end of a device's life: one that lived is retired, its history stays; and it may be brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Cast, Concat, Left, Now

from devices import batches, refusals
from devices.credentials import operations as credentials
from devices.lifecycle import assignments
from devices.models import Credential, Device, Event
from devices.ties import operations as ties
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenants.models import User

REASON = "retired"  # why its credentials are revoked
KEPT = 44  # characters of a serial that is given free; a mark that no label has, and the row's key, come behind
MARK = "~"


def retire_devices(devices: Collection[Device], *, by: User | None, **facts: object) -> list[int]:
    """Retire those that are not; return the primary keys of those that this call did. The facts go into their events.

    They stay in their groups, in no list; their credentials end, and with them their connections; and their ties.
    """
    active, now = Q(retired_at=None), {"retired_at": Now()}
    with transaction.atomic():
        retired = batches.update_batch(
            devices, only_if=active, to=now, kind=Event.Kind.RETIRED, by=by, facts=facts, of_retired=True
        )
        credentials.revoke_credentials(Credential.objects.filter(device__among=retired), by, REASON, **facts)
        ties.end_ties(retired, by=by, why=ties.RETIRED, **facts)
    return retired


def bring_back(*, device: Device, by: User) -> bool:
    """Bring back a retired device; return whether this call did. Raises Refusal where it can't be."""
    if bring_back_devices([device], by=by):
        return True
    now = Device.objects.filter(pk=device.pk).first()
    if now is None:
        return False  # it was removed
    if now.former_serial:
        raise Refusal(refusals.SERIAL_WAS_FREED, serial=now.former_serial)
    if now.retired_at:
        raise Refusal(refusals.GROUP_TAKES_NO_DEVICES)
    return False


def bring_back_devices(devices: Collection[Device], *, by: User | None, **facts: object) -> list[int]:
    """Bring back those retired ones whose serial is still theirs, and whose group still can hold devices; return their
    primary keys. Their credentials stay revoked."""
    back = {"retired_at": None}
    with transaction.atomic():
        leaves = assignments.lock_leaves({device.group_id for device in devices if device.group_id})
        kept = Q(retired_at__isnull=False, former_serial="") & (Q(group=None) | Q(group__among=leaves))
        return batches.update_batch(
            devices, only_if=kept, to=back, kind=Event.Kind.BROUGHT_BACK, by=by, facts=facts, of_retired=True
        )


def free_serial(*, device: Device, by: User) -> str:
    """Give the serial of a retired device free; return the one that it has then. Raises Refusal where it is not
    retired."""
    free_serials([device], by=by)
    now = Device.objects.filter(pk=device.pk).first()
    if now and now.retired_at is None:
        raise Refusal(refusals.DEVICE_NOT_RETIRED)
    return now.serial if now else device.serial


def free_serials(devices: Collection[Device], *, by: User | None, **facts: object) -> list[int]:
    """Let other devices have the serials of these retired ones, which get others, and the IDs by which they went at a
    door; return their primary keys."""
    held = Q(retired_at__isnull=False, former_serial="")
    behind = (Value(MARK), Cast("pk", CharField()))
    to = {
        "former_serial": F("serial"),
        "serial": Concat(Left("serial", KEPT), *behind),
        "serial_key": Concat(Left("serial_key", KEPT), *behind),
        "own_id": "",
    }
    return batches.update_batch(
        devices, only_if=held, to=to, kind=Event.Kind.SERIAL_FREED, by=by, facts=facts, of_retired=True
    )
