"""From a payload to declared attributes and a time: docs/protocol.md, "Report state"."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.models import Attribute, Device
from devices.mqtt.messages import ANSWER, COMMAND_ANSWER, MAX_BYTES, Answer, CommandAnswer, Report, counts
from lib.log import about
from lib.parsing import is_storable
from lib.rarely import Rarely
from telemetry.ingest import gps, keeping, numbers, senders
from telemetry.ingest.drops import Drops
from telemetry.ingest.numbers import MAX_INTEGER
from telemetry.ingest.times import MOST_LENGTH, parse_time
from telemetry.models import Drop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from devices.mqtt.messages import Message, Value
    from telemetry.ingest.senders import Tenure

log = logging.getLogger(__name__)

MAX_AGE = timedelta(days=30)
MAX_AHEAD = timedelta(days=1)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PADDING = b"\0 \t\r\n"
TEXT_NUMBER = "number-or-text"
"""The kind of an attribute that is a number, where its recipe reads numbers written as text too."""
NUMBER = Attribute.Type.NUMBER.value
NUMBERS = {NUMBER, TEXT_NUMBER}
Cause = Drop.Cause

_JSON = json.JSONDecoder(parse_constant=float)  # NaN and Infinity, which no type takes: the rest of a report is kept

_scan: Callable[[str, int], tuple[Any, int]] = vars(_JSON)["scan_once"]
"""Parse a value, and say where it ends: without the look for spaces around it, which firmware seldom sends."""

told = Rarely()

declared: dict[int, dict[str, str]] = {}
"""Attribute name -> type of each recipe version seen: a version's attributes never change."""


class Refused(Exception):
    """Say why nothing of the message is kept."""

    def __init__(self, cause: Cause, sample: str = "") -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.sample = sample


class Batch(NamedTuple):
    reports: list[Report]
    heard: dict[Device, datetime]  # every admitted device that said anything at all, and when last
    drops: Drops
    answers: list[Answer]  # that somebody stands at their devices: no values of theirs
    tenures: dict[int, Tenure]  # of the devices that were found, by primary key
    new: list[int]  # of those that were heard who never were activated
    command_answers: list[CommandAnswer]


def read_batch(messages: Sequence[Message]) -> Batch:
    """Return the reports of a batch, in two queries, one when all its recipes were met before.

    Retained messages are old state: nothing of them is used. Nor is anything from a device that is locked or whose
    activation expired. What is dropped is counted, and tallied for its device.
    """
    found = senders.find_senders({message.device_id for message in messages})
    _load_declared(sender.device.version_id for sender in found.values())
    batch = Batch([], {}, Drops(), [], {sender.device.id: sender.tenure for sender in found.values()}, [], [])
    heard: dict[str, datetime] = {}
    for message in messages:
        sender = found.get(message.device_id)
        if sender is None or message.retained or not sender.admitted:
            _drop_unread(sender.device if sender else None, message, batch.drops)
            continue
        heard[message.device_id] = message.received_at
        report = _build_report(sender.device, message, batch)
        if report is not None:
            batch.reports.append(report)
    batch.heard.update((found[device_id].device, at) for device_id, at in heard.items())
    batch.new.extend(device.id for device in batch.heard if found[device.device_id].is_new)
    return batch


def _drop_unread(device: Device | None, message: Message, drops: Drops) -> None:
    cause = Cause.RETAINED if message.retained else Cause.BARRED
    counts[cause.value if device or message.retained else "unknown"] += 1
    if device:
        drops.add(device, cause, message.received_at)


def _load_declared(versions: Iterable[int]) -> None:
    missing = set(versions) - declared.keys()
    if missing:
        rows = Attribute.objects.filter(version__in=missing).values_list("version", "name", "type", "reads_text")
        for version, name, kind, reads_text in rows:
            declared.setdefault(version, {})[name] = TEXT_NUMBER if reads_text else kind


def _build_report(device: Device, message: Message, batch: Batch) -> Report | None:
    """Return a report, or None if there is nothing in it to keep. An answer beside it counts whatever its time is."""
    received_at = message.received_at
    lost: list[tuple[Cause, str]] = []
    try:
        body = _parse_body(message.payload, lost)
        reported, said = body["data"], body.get("time")
        if (answer := reported.pop(ANSWER, None)) is not None:
            batch.answers.append(Answer(senders.make_fresh(device), answer if isinstance(answer, str) else ""))
        if (answer := reported.pop(COMMAND_ANSWER, None)) is not None:
            batch.command_answers.append(CommandAnswer(device, answer, received_at))
        at = _read_time(said, received_at, device.organisation_id)
    except Refused as refusal:
        _drop_all(device, message, refusal, batch.drops)
        return None
    data = _read_data(reported, declared.get(device.version_id, {}), lost)
    for cause, name in lost:
        counts[cause.value] += 1
        batch.drops.add(device, cause, received_at, name)
    if not data:
        return None
    at = _truncate_to_milliseconds(at)
    timed = said is not None
    return Report(device, at, data, received_at, timed, message.retained, message.repeated, message.came_after)


def _drop_all(device: Device, message: Message, refusal: Refused, drops: Drops) -> None:
    counts[str(refusal)] += 1
    drops.add(device, refusal.cause, message.received_at, refusal.sample)
    if times := told.count((device.pk, str(refusal))):
        size = len(message.payload)
        with about(device_id=device.device_id, organisation_id=device.organisation_id):
            log.warning("%s message of device %s (%d bytes, for the %d. time)", refusal, device.device_id, size, times)


def _parse_body(payload: bytes, lost: list[tuple[Cause, str]]) -> dict[str, Any]:
    """Return the message; what in it is not read is added to `lost`."""
    if len(payload) > MAX_BYTES:
        raise Refused(Cause.OVERSIZE)
    try:
        text = payload.decode()
        body, end = _scan(text, 0)
        if end != len(text):
            body = _JSON.decode(text)
    except StopIteration:
        body, text = _parse_padded(payload)
    except (ValueError, RecursionError):
        body, text = _parse_padded(payload)
    if not isinstance(body, dict):
        raise Refused(Cause.NO_DATA)
    if not isinstance(body.get("data"), dict):
        raise Refused(Cause.NO_DATA, next(iter(body), ""))
    if text.count('":') != len(body) + len(body["data"]):  # as it is where no name is doubled, and nothing nested
        lost.extend((Cause.DOUBLED, name) for name in _find_doubled(text))
    if len(body) > 1 + ("time" in body):
        lost.extend((Cause.BESIDE, name) for name in body if name not in ("data", "time"))
    return body


def _parse_padded(payload: bytes) -> tuple[object, str]:
    """Parse it without what firmware puts around: a byte order mark, the end of a C string or of its buffer."""
    bare = payload.strip(PADDING).removeprefix(BYTE_ORDER_MARK)
    if bare == payload:
        raise Refused(Cause.MALFORMED)
    try:
        text = bare.decode()
        return _JSON.decode(text), text
    except (ValueError, RecursionError):
        raise Refused(Cause.MALFORMED) from None


def _find_doubled(text: str) -> list[str]:
    """Return the names that stand twice in one object, of which the last value counts."""
    doubled: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                doubled.append(name)
            seen.add(name)

    json.loads(text, object_pairs_hook=collect)
    return doubled


def _read_time(raw: object, received_at: datetime, organisation: int) -> datetime:
    if raw is None:
        return received_at
    try:
        at = parse_time(raw, received_at, organisation)
    except (TypeError, ValueError, OverflowError):
        raise Refused(Cause.BAD_TIME, _show_time(raw)) from None
    if at < received_at - MAX_AGE:
        raise Refused(Cause.TOO_OLD, _show_time(raw))
    if keeping.is_past(at, received_at, organisation):
        raise Refused(Cause.PAST_KEPT, _show_time(raw))
    if at > received_at + MAX_AHEAD:
        raise Refused(Cause.AHEAD, _show_time(raw))
    return at


def _show_time(raw: object) -> str:
    raw = raw.get("$date") if isinstance(raw, dict) else raw
    if isinstance(raw, int) and abs(raw) > 2**64:
        return "a number of many digits"  # Python refuses to write the longest
    return str(raw)[:MOST_LENGTH] if isinstance(raw, str | int | float) else ""


def _truncate_to_milliseconds(at: datetime) -> datetime:
    beyond = at.microsecond % 1000
    return at.replace(microsecond=at.microsecond - beyond) if beyond else at


def _read_data(reported: dict[str, Any], kinds: dict[str, str], lost: list[tuple[Cause, str]]) -> dict[str, Value]:
    """Return what can be kept; what can't is added to `lost`."""
    data: dict[str, Value] = {}
    for name, raw in reported.items():
        kind, form = kinds.get(name), type(raw)
        if kind == NUMBER and (isfinite(raw) if form is float else form is int and -MAX_INTEGER <= raw <= MAX_INTEGER):
            data[name] = raw  # nearly all of them
        elif kind is None:
            lost.append((Cause.UNDECLARED, name))
        elif (value := _read_value(kind, raw)) is None:
            lost.append((_find_cause(kind, raw), name))
        else:
            data[name] = value
    return data


def _find_cause(kind: str, raw: object) -> Cause:
    if isinstance(raw, str):
        if kind == Attribute.Type.NUMBER and numbers.parse_number(raw) is not None:
            return Cause.AS_TEXT
        return Cause.UNKEPT if kind == Attribute.Type.STRING else Cause.MISTYPED
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    return Cause.UNKEPT if is_number and kind in NUMBERS else Cause.MISTYPED


def _read_value(kind: str, raw: object) -> Value | None:
    if kind == Attribute.Type.STRING:
        return raw if isinstance(raw, str) and is_storable(raw) else None
    if kind == Attribute.Type.BOOLEAN:
        return bool(raw) if isinstance(raw, int | float) and raw in (0, 1) else None
    if kind == Attribute.Type.GPS:
        return gps.read_position(raw)
    if isinstance(raw, str) and kind == TEXT_NUMBER:
        raw = numbers.parse_number(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    fits = abs(raw) <= MAX_INTEGER if isinstance(raw, int) else isfinite(raw)
    return raw if fits else None
