"""Reports as the consumer hands them over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from devices.mqtt.messages import Report, Value
from telemetry.ingest import writer

if TYPE_CHECKING:
    from devices.models import Device

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """To the millisecond, as reports have it; after the world's assignments began."""
    at = timezone.now()
    return at.replace(microsecond=at.microsecond // 1000 * 1000) + timedelta(milliseconds=1)


def ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def timed(device: Device, at: datetime, **data: Value) -> Report:
    """The device gave the time itself."""
    return Report(
        device, at, data, received_at=max(at, now()), timed=True, retained=False, repeated=False, came_after=None
    )


def untimed(device: Device, at: datetime, *, repeated: bool = False, **data: Value) -> Report:
    """The time is that of arrival."""
    return Report(device, at, data, received_at=at, timed=False, retained=False, repeated=repeated, came_after=None)


def repeat(report: Report) -> Report:
    """The same message once more, flagged by the broker."""
    later = report.received_at + timedelta(seconds=1)
    at = report.at if report.timed else later
    return Report(report.device, at, report.data, later, report.timed, retained=False, repeated=True, came_after=None)


def save(*reports: Report) -> list[Report]:
    return writer.save_reports(reports)
