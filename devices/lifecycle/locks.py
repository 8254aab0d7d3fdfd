"""A locked device may neither connect nor be registered by anyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.functions import Now

from devices import batches
from devices.models import Event

if TYPE_CHECKING:
    from collections.abc import Collection

    from devices.models import Device
    from tenants.models import User


def lock_devices(devices: Collection[Device], *, by: User | None, **facts: object) -> list[int]:
    """Lock those that are not; return the primary keys of those that this call did. The facts go into their events.

    Their connections end within the broker's time (docs/operations.md).
    """
    unlocked, now = Q(locked_at=None), {"locked_at": Now()}
    return batches.update_batch(devices, only_if=unlocked, to=now, kind=Event.Kind.LOCKED, by=by, facts=facts)


def unlock_devices(devices: Collection[Device], *, by: User | None, **facts: object) -> list[int]:
    """Unlock those that are locked; return the primary keys of those that this call did."""
    locked, open_ = Q(locked_at__isnull=False), {"locked_at": None}
    return batches.update_batch(devices, only_if=locked, to=open_, kind=Event.Kind.UNLOCKED, by=by, facts=facts)
