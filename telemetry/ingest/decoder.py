"""From a payload to declared attributes and a time: docs/protocol.md, "Report state"."""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from devices.models import Attribute, Device
from devices.mqtt.messages import MAX_BYTES, Report, counts
from lib.parsing import is_storable
from lib.rarely import Rarely
from telemetry.ingest import gps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devices.mqtt.messages import Message, Value

log = logging.getLogger(__name__)

MAX_AGE = timedelta(days=30)
MAX_AHEAD = timedelta(days=1)
MAX_INTEGER = 2**53  # beyond it a float, and every browser, is no longer exact
SECONDS_BELOW = 1e11  # as seconds the year 5138, as milliseconds 1973

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_no_constant)

told = Rarely()

declared: dict[int, dict[str, str]] = {}
"""Attribute name -> type of each recipe version seen: a version's attributes never change."""


class Refused(Exception):
    """Why nothing of the message is kept; its text is the name of the count."""


class Batch(NamedTuple):
    reports: list[Report]
    heard: dict[Device, datetime]  # every admitted device that said anything at all, and when last


def read(messages: Sequence[Message]) -> Batch:
    """The reports of a batch in two queries, one when all its recipes were met before.

    Retained messages are old state: nothing of them is used. Nor is anything from a device that is locked or whose
    activation expired. What is dropped is counted.
    """
    fresh = [message for message in messages if not message.retained]
    counts["retained"] += len(messages) - len(fresh)
    devices = _devices({message.device_id for message in fresh})
    _declare(device.version_id for device in devices.values())
    batch = Batch([], {})
    for message in fresh:
        device = devices.get(message.device_id)
        if device is None or not device.admitted:
            counts["barred" if device else "unknown"] += 1
        else:
            batch.heard[device] = message.received_at
            batch.reports.extend(_report(device, message))
    return batch


def _devices(ids: Iterable[str]) -> dict[str, Device]:
    return {device.device_id: device for device in Device.objects.with_admitted().filter(device_id__in=ids)}


def _declare(versions: Iterable[int]) -> None:
    missing = set(versions) - declared.keys()
    if missing:
        rows = Attribute.objects.filter(version__in=missing).values_list("version", "name", "type")
        for version, name, kind in rows:
            declared.setdefault(version, {})[name] = kind


def _report(device: Device, message: Message) -> list[Report]:
    """One report, or none if there is nothing in it to keep."""
    try:
        body = _body(message.payload)
        at = _time(body.get("time"), message.received_at)
    except Refused as refusal:
        counts[str(refusal)] += 1
        if times := told.count((device.pk, str(refusal))):
            size = len(message.payload)
            log.warning("%s message of device %s (%d bytes, for the %d. time)", refusal, device.device_id, size, times)
        return []
    data = _data(body["data"], declared.get(device.version_id, {}))
    if not data:
        return []
    return [
        Report(
            device=device,
            at=_milliseconds(at),
            data=data,
            received_at=message.received_at,
            timed=body.get("time") is not None,
            retained=message.retained,
            repeated=message.repeated,
            came_after=message.came_after,
        )
    ]


def _body(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_BYTES:
        raise Refused("oversize")
    try:
        body = _JSON.decode(payload.decode())
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        raise Refused("malformed")
    return body


def _time(given: object, received_at: datetime) -> datetime:
    try:
        at = received_at if given is None else _given(given, received_at)
    except (TypeError, ValueError, OverflowError):
        raise Refused("malformed") from None
    if at < received_at - MAX_AGE:
        raise Refused("too-old")
    if at > received_at + MAX_AHEAD:
        raise Refused("ahead")
    return at


def _given(given: object, received_at: datetime) -> datetime:
    if isinstance(given, dict):
        given = given.get("$date")
    if isinstance(given, str):
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(given)
    if given < 0:
        return received_at + timedelta(milliseconds=given)
    return _EPOCH + (timedelta(seconds=given) if given < SECONDS_BELOW else timedelta(milliseconds=given))


def _milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _data(given: dict[str, Any], kinds: dict[str, str]) -> dict[str, Value]:
    data: dict[str, Value] = {}
    for name, raw in given.items():
        if name not in kinds:
            counts["undeclared"] += 1
        elif (value := _value(kinds[name], raw)) is None:
            counts["mistyped"] += 1
        else:
            data[name] = value
    return data


def _value(kind: str, raw: object) -> Value | None:
    if kind == Attribute.Type.STRING:
        return raw if isinstance(raw, str) and is_storable(raw) else None
    if kind == Attribute.Type.BOOLEAN:
        return bool(raw) if isinstance(raw, int | float) and raw in (0, 1) else None
    if kind == Attribute.Type.GPS:
        return gps.read(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    fits = abs(raw) <= MAX_INTEGER if isinstance(raw, int) else math.isfinite(raw)
    return raw if fits else None
