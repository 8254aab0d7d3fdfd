"""Since when reports of a device are kept: what a page or a program is told of a range that begins earlier."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from lib.zones import PersonClock
from telemetry.ingest.times import count_milliseconds
from tenants.models import User

if TYPE_CHECKING:
    from datetime import datetime

    from devices.models import Device
    from tenants.access import Viewer


def find_kept(device: Device) -> datetime | None:
    """Return since when its organisation keeps reports; None: for ever."""
    days = device.organisation.kept_days
    return None if days is None else timezone.now() - timedelta(days=days)


def describe(device: Device, start: datetime, user: Viewer) -> str:
    """Return what to say to this person of a range that starts then; nothing, if all of it is kept."""
    since = find_kept(device)
    if since is None or start >= since:
        return ""
    days, clock = device.organisation.kept_days, user.find_clock() if isinstance(user, User) else PersonClock()
    return f"Kept for {days} day{'' if days == 1 else 's'}: nothing from before {clock.describe(since)}."


def tell(device: Device, start: datetime, user: Viewer) -> dict[str, Any]:
    """Return the same for programs: `kept_from` in milliseconds since the epoch or None, and `kept` in words."""
    since = find_kept(device)
    return {"kept_from": since and count_milliseconds(since), "kept": describe(device, start, user)}
