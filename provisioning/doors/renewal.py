"""A device that came by a door asks for its next credential."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices import batches
from devices.credentials import operations as credentials
from devices.models import Credential, Device
from lib.refusals import Refusal
from provisioning.doors import refusals

if TYPE_CHECKING:
    from provisioning.models import Door

RENEWED_AFTER = timedelta(seconds=30)
"""After its last credential a device may have the next: of many calls at once for one device one succeeds, and one
whose answer was lost has its credential with a later try."""


def renew_credential(*, door: Door, device: Device, too_soon: Refusal) -> credentials.Issued:
    """Make a new credential; those of before work until it is used first. Raises Refusal, also `too_soon`.

    Of a device that never used the last ones, which would fill its room, they end at once.
    """
    if not Device.objects.filter(Device.may_connect(), pk=device.pk).exists():
        raise Refusal(refusals.DOOR_DEVICE_BARRED)
    with transaction.atomic():
        batches.hold_as_read([device])
        own = Credential.objects.of(device)
        if own.filter(created_at__gt=Now() - RENEWED_AFTER).exists():
            raise too_soon
        ends = credentials.AT_ONCE if own.standing().count() >= credentials.MAX_LIVE else None
        return credentials.rotate_credentials_of([device], by=None, ends=ends, door=door.name).get_issued(device)
