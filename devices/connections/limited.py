"""Devices that sent more than they may, and are shut out for a time: what their page shows, and brokers are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from devices import events
from devices.connections import presence
from devices.models import Connection, CredentialUse, Device, Event, Tie
from lib import live

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def record_limits(
    limited: Mapping[str, tuple[float | None, int]],
    *,
    record_dropped: Callable[[], None] = lambda: None,
) -> None:
    """Record, by device ID, the seconds of a ban that began (None: it goes on) and the messages dropped since.

    `record_dropped` tells each of these devices of them, in the same transaction. Where a device never connected by
    itself, the gateways that speak for it sent it: they are shut out as long.
    """
    devices = Device.objects.filter(device_id__in=limited).order_by("pk")
    with transaction.atomic():  # told again, it is told in whole
        gateways: list[Device] = []
        for device in devices:
            seconds, dropped = limited[device.device_id]
            if seconds is not None:
                senders = _find_senders(device)
                gateways += senders
                for sender in (device, *senders):
                    _begin_limit(sender, seconds)
            Connection.objects.filter(device=device).update(dropped=F("dropped") + dropped)
        record_dropped()
    live.announce(presence.list_topics([*devices, *gateways]))


def _find_senders(device: Device) -> list[Device]:
    if CredentialUse.objects.filter(credential__device=device).exists():
        return []
    through = Tie.objects.standing().filter(device=device).select_related("gateway").order_by("gateway")
    return [tie.gateway for tie in through]


def _begin_limit(device: Device, seconds: float) -> None:
    until = Now() + timedelta(seconds=seconds)
    Connection.objects.get_or_create(device=device, defaults={"last_seen_at": Now()})
    Connection.objects.filter(device=device).update(limited_until=until, dropped=0)
    events.record(Event.Kind.LIMITED, device=device, seconds=float(seconds))
