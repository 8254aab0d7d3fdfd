"""A locked device may neither connect nor be registered by anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices import events
from devices.connections import presence
from devices.models import Device, Event
from lib import live

if TYPE_CHECKING:
    from tenants.models import User


def lock(*, device: Device, by: User) -> bool:
    """Whether this call locked it. Its connections end within the broker's time (docs/operations.md)."""
    with transaction.atomic():
        if Device.objects.filter(pk=device.pk, locked_at=None).update(locked_at=Now()) != 1:
            return False
        _record(Event.Kind.LOCKED, device, by)
    return True


def unlock(*, device: Device, by: User) -> bool:
    """Whether this call unlocked it."""
    with transaction.atomic():
        if Device.objects.filter(pk=device.pk, locked_at__isnull=False).update(locked_at=None) != 1:
            return False
        _record(Event.Kind.UNLOCKED, device, by)
    return True


def _record(kind: Event.Kind, device: Device, by: User) -> None:
    events.record(kind, device=device, by=by)
    transaction.on_commit(lambda: live.announce(presence.topics([device])))
