"""A device that came by a door asks for its next credential."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from devices import batches
from devices.credentials import operations as credentials
from devices.models import Credential, Device
from lib.refusals import Refusal
from provisioning.doors import refusals

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.models import Door

RENEWED_AFTER, RENEWED_AT_LEAST = timedelta(seconds=30), timedelta(minutes=15)
"""After its last credential a device may have the next: of many calls at once for one device one succeeds, and one
whose answer was lost has its credential with a later try. The time doubles with each that it never connected with: some
ask for the next, each five seconds and for ever, when it is the connecting that fails."""


def renew_credential(*, door: Door, device: Device, too_soon: Callable[[timedelta], Refusal]) -> credentials.Issued:
    """Make a new credential; those of before work until it is used first. Raises Refusal, also `too_soon`, which is
    given for how long it is.

    Of a device that never used the last ones, which would fill its room, they end at once.
    """
    if not Device.objects.filter(Device.may_connect(), pk=device.pk).exists():
        raise Refusal(refusals.DOOR_DEVICE_BARRED)
    require_late_enough(device, too_soon)
    with transaction.atomic():
        batches.hold_as_read([device])
        require_late_enough(device, too_soon)
        standing = Credential.objects.of(device).standing().count()
        ends = credentials.AT_ONCE if standing >= credentials.MAX_LIVE else None
        return credentials.rotate_credentials_of([device], by=None, ends=ends, door=door.name).get_issued(device)


def require_late_enough(device: Device, too_soon: Callable[[timedelta], Refusal]) -> None:
    """Raise the Refusal for a device that got its last credential only just."""
    own = Credential.objects.of(device)
    used = own.filter(use__isnull=False).aggregate(last=Max("created_at"))["last"]
    unused = (own.filter(created_at__gt=used) if used else own).count()
    wait = min(RENEWED_AFTER * 2 ** min(max(unused - 1, 0), 10), RENEWED_AT_LEAST)
    if own.filter(created_at__gt=Now() - wait).exists():
        raise too_soon(wait)
