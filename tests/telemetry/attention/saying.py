"""Devices that say something, as the consumer hands it over, and what is found to need attention."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from config.ingest import ingest
from devices.models import Attention, Attribute, Connection, Device
from devices.mqtt.messages import Message
from telemetry.models import Report
from tests.telemetry.reports import ms

if TYPE_CHECKING:
    from devices.mqtt.messages import Value
    from tests.conftest import World


def watch_rpm(world: World) -> None:
    """More than 2,000 turns are too many, and an engine that says fault or alarm has one."""
    Attribute.objects.filter(version=world.version, name="rpm").update(maximum=2000, decimals=0)
    Attribute.objects.filter(version=world.version, name="engineState").update(faults="fault, alarm")


def say(device: Device, *, ago: timedelta = timedelta(), **data: Value) -> None:
    now = timezone.now()
    payload = json.dumps({"data": data, "time": ms(now - ago)} if ago else {"data": data})
    ingest([Message(device.device_id, payload.encode(), now, came_after=now)])


def found(device: Device) -> list[tuple[str, str]]:
    rows = Attention.objects.current().filter(device=device).order_by("cause", "attribute")
    return list(rows.values_list("cause", "attribute"))


def report_every(device: Device, pause: timedelta, *, last: timedelta, count: int = 20) -> None:
    """It reported so often, and last so long ago."""
    at = timezone.now() - last
    Report.objects.bulk_create(
        Report(device=device, at=at - n * pause, data={"rpm": 1}, assignment_id=device.assignment_id)
        for n in range(count)
    )
    facts = {"last_seen_at": at, "reported_at": at, "patience_at": None}
    Connection.objects.update_or_create(device=device, defaults=facts)
    device.assignments.update(opened_at=at - count * pause)
