"""Reports as CSV, streamed: a few thousand rows at a time, no connection held in between."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from devices.models import Device
from lib import streaming
from lib.csv_export import Plain, written
from telemetry.history.series import Span
from telemetry.ingest import gps
from telemetry.models import Report
from tenants.grants import anew

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from devices.models import Attribute
    from devices.mqtt.messages import Value
    from tenants.models import User

    Row = tuple[datetime, dict[str, Value]]

CHUNK = 2_000


async def lines(device: Device, user: User, attributes: Sequence[Attribute], span: Span) -> AsyncIterator[bytes]:
    """UTF-8 with a header; times in ISO 8601, UTC, in the order of time. As long as `user` sees the device, and it is
    where it was."""
    yield written([["Time (UTC)", *(_heading(attribute) for attribute in attributes)]])
    start = span.start
    while rows := await streaming.step(_chunk, device, user, Span(start, span.end)):
        yield written([_time(at), *(_cell(each, data.get(each.name)) for each in attributes)] for at, data in rows)
        start = rows[-1][0] + timedelta(microseconds=1)


def _chunk(device: Device, user: User, span: Span) -> list[Row]:
    seen = Device.objects.visible_to(anew(user)).filter(pk=device.pk, assignment=device.assignment_id)
    if not seen.exists():
        return []
    within = Report.objects.of(device).filter(at__gte=span.start, at__lt=span.end)
    return list(within.order_by("at").values_list("at", "data")[:CHUNK])


def _heading(attribute: Attribute) -> str:
    return f"{attribute.label} ({attribute.unit})" if attribute.unit else attribute.label


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _cell(attribute: Attribute, value: Value | None) -> str | float:
    if value is None:
        return ""
    if attribute.type == attribute.Type.GPS and gps.is_kept(value):
        return Plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
