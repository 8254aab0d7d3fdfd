"""A device is activated when it connects first; until then it may expire.

Expiry is a predicate on the database's clock (`Device.has_expired`): nothing has to run for it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices import batches, events
from devices.events import Fact
from devices.models import Device, Event
from lib.prepared import Update, prepared_update

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tenants.models import User


def activate_devices(devices: Collection[int]) -> int:
    """Activate the devices, by primary key, that connected or reported for the first time; return how many did.

    A constant number of statements, none for no devices. A row that somebody else holds is left to the next time, so
    that nobody waits here.
    """
    if not devices:
        return 0
    with transaction.atomic():
        waiting = Device.objects.filter(Device.may_connect(), pk__in=devices, activated_at=None)
        held = waiting.select_for_update(skip_locked=True, no_key=True).order_by("pk")
        new = list(held.only("pk", "organisation_id", "assignment_id"))
        if new:
            Device.objects.filter(pk__in=[device.pk for device in new], activated_at=None).update(activated_at=Now())
            events.record_many(Event.Kind.ACTIVATED, devices=[device.pk for device in new])
    return len(new)


def activate_held(device: Device) -> list[Fact]:
    """Activate a device that the caller's transaction holds or made, unless it is; return what is to be told of it."""
    return [Fact.about(device, Event.Kind.ACTIVATED, {})] if _activate(device.pk) else []


@prepared_update
def _activate(device: int) -> Update:
    return Update(Device.objects.filter(pk=device, activated_at=None), {"activated_at": Now()})


def reopen_activation(devices: Sequence[Device], *, by: User | None, **facts: object) -> list[int]:
    """Give a new activation window to those that never connected and can expire; return their primary keys.

    All are of one organisation, whose `activation_hours` it lasts. The facts go into their events.
    """
    waiting = Q(organisation=devices[0].organisation_id, activated_at=None, expires_at__isnull=False)
    until = {"expires_at": Now() + timedelta(hours=devices[0].organisation.activation_hours)}
    return batches.update_batch(devices, only_if=waiting, to=until, kind=Event.Kind.OPENED_AGAIN, by=by, facts=facts)
