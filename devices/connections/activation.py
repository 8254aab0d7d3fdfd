"""A device is activated when it connects first; until then its registration may expire.

Expiry is a predicate on the database's clock (`Device.has_expired`): nothing has to run for it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices import events
from devices.connections import presence
from devices.models import Device, Event
from lib import live

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenants.models import User


def activate(devices: Collection[int]) -> int:
    """Devices by primary key that connected or reported; how many of them did so for the first time.

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


def open_again(*, devices: Collection[Device], by: User) -> int:
    """A new activation window for those of the devices that never connected and can expire; how many there were.

    All are of the user's organisation, whose `activation_hours` it lasts.
    """
    with transaction.atomic():
        closed = Device.objects.filter(organisation=by.organisation_id, activated_at=None, expires_at__isnull=False)
        held = closed.filter(pk__in=[device.pk for device in devices]).select_for_update(no_key=True, of=("self",))
        mine = list(held.select_related("organisation").order_by("pk"))
        if mine:
            until = Now() + timedelta(hours=mine[0].organisation.activation_hours)
            Device.objects.filter(pk__in=[device.pk for device in mine]).update(expires_at=until)
            events.record_many(Event.Kind.OPENED_AGAIN, devices=[device.pk for device in mine], by=by)
            transaction.on_commit(lambda: live.announce(presence.topics(mine)))
    return len(mine)
