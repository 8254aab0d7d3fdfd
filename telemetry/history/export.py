"""Reports as files, streamed: a few thousand rows at a time, no connection held in between."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from devices.models import Device
from lib import streaming
from lib.csv_export import Plain, encode_csv
from telemetry.history.reports import CHUNK, read_next
from telemetry.history.series import Span
from telemetry.history.states import SWITCH
from telemetry.ingest import gps
from telemetry.ingest.numbers import MAX_INTEGER
from telemetry.models import Report
from tenants.grants import reload_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Sequence
    from datetime import datetime

    from devices.models import Attribute
    from devices.mqtt.messages import Value
    from telemetry.history.reports import Row
    from tenants.models import User

SLICE = 200  # rows that the database hands over at once
BYTES = 4 << 20  # of texts, from which on a chunk has fewer rows


class Left(Exception):
    """Say that the user no longer sees the device, or that it is in other hands."""


async def stream_lines(device: Device, user: User, attributes: Sequence[Attribute], span: Span) -> AsyncIterator[bytes]:
    """Yield CSV as UTF-8 with a header, in the order of time; times in ISO 8601, UTC, and beside it by the user's
    clock.

    As long as `user` sees the device, and it is where it was.
    """
    clock = await streaming.run_step(user.find_clock)
    local = [f"Time ({clock.zone})"] if clock.has_zone else []
    yield encode_csv([["Time (UTC)", *local, *(_build_heading(attribute) for attribute in attributes)]])
    with suppress(Left):
        async for rows in read_chunks(device, user, span):
            yield encode_csv(
                [
                    _format_time(at),
                    *(clock.write_cell(at, "milliseconds") for _ in local),
                    *(_format_cell(attribute, data.get(attribute.name)) for attribute in attributes),
                ]
                for at, data in rows
            )


async def read_chunks(device: Device, user: User, span: Span) -> AsyncIterator[list[Row]]:
    """Yield reports of the span in the order of time, as many at once as fit into some megabytes. Raises Left."""
    start = span.start
    while rows := await streaming.run_step(_read_chunk, device, user, Span(start, span.end)):
        for n in range(0, len(rows), CHUNK):
            if n:
                await streaming.run_step(_check, device, user)
            yield rows[n : n + CHUNK]
        start = rows[-1][0] + timedelta(microseconds=1)


def _check(device: Device, user: User) -> None:
    visible = Device.objects.visible_to(reload_user(user)).filter(pk=device.pk, assignment=device.assignment_id)
    if not visible.exists():
        raise Left


def _read_chunk(device: Device, user: User, span: Span) -> list[Row]:
    _check(device, user)
    within = Report.objects.of(device).filter(at__gte=span.start, at__lt=span.end)
    asked = within.order_by("at").values_list("at", "data")[:CHUNK]
    rows: list[Row] = []
    room = BYTES
    found = cast("Generator[Row, None, None]", asked.iterator(chunk_size=SLICE))
    with closing(found):  # and its cursor
        for row in found:
            rows.append(row)
            room -= sum(len(value) for value in row[1].values() if isinstance(value, str))
            if room < 0:
                break
    return read_next(device, span.start, span.end, rows, more=len(rows) == CHUNK or room < 0)


def _build_heading(attribute: Attribute) -> str:
    return f"{attribute.label} ({attribute.unit})" if attribute.unit else attribute.label


def _format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _format_cell(attribute: Attribute, value: Value | None) -> str | float:
    if value is None:
        return ""
    if attribute.type == attribute.Type.GPS and gps.is_kept(value):
        return Plain(value)
    if isinstance(value, bool):
        return SWITCH[str(value).lower()]
    if isinstance(value, str) or (isinstance(value, int) and abs(value) <= MAX_INTEGER):
        return value
    return _format_number(float(value))  # PostgreSQL has the greatest as whole numbers of 309 digits


def _format_number(value: float) -> str:
    """Write it as spreadsheets read it, to the fifteen digits that they keep: 1800, 0.036, 0.0000001. From a
    quadrillion on, and below a trillionth, with an exponent."""
    number = Decimal(f"{value:.15g}")
    if number and not -13 < number.adjusted() < 15:
        return Plain(f"{value:.15g}")
    return Plain(f"{number.normalize() + 0:f}")
