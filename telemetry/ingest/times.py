"""Times as devices write them: docs/protocol.md, "Times"."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lib.zones import get_zone
from tenants.models import Organisation

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECONDS_BELOW, MILLISECONDS_BELOW = 1e11, 1e14
UNITS = ((SECONDS_BELOW, 1_000_000), (MILLISECONDS_BELOW, 1_000), (1e17, 1))
"""Below which an epoch counts seconds, milliseconds, microseconds, and how many microseconds one of them has."""
NANOSECONDS_BELOW = 1e20
LEAST_LENGTH, MOST_LENGTH = 10, 64  # beyond a date alone, which is no time
SLACK = timedelta(minutes=5)  # by which a device's clock may be ahead
ZONE_SECONDS = 30.0

EPOCH, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_NUMBER = re.compile(r"\s*([+-]?\d{9,20}(?:\.\d{0,9})?|-\d{1,8})\s*", re.ASCII)
_LATE_SECOND = re.compile(r"(?<=[T ]\d\d:\d\d):60|(?<=[T ]\d{4})60", re.ASCII)
_MIDNIGHT = re.compile(r"(?<=[T ])24(?=:?00(?::?00(?:[.,]0+)?)?(?:Z|[+-]|$))", re.ASCII)

_zones: dict[int, tuple[ZoneInfo, float]] = {}


def count_milliseconds(at: datetime) -> int:
    """Return how many have passed since the epoch."""
    return (at - EPOCH) // MILLISECOND


def parse_time(raw: object, received_at: datetime, organisation: int) -> datetime:
    """Return the moment that a device gives. A local one is read in its organisation's time zone.

    Raises TypeError, ValueError or OverflowError for what is none.
    """
    if type(raw) is int and SECONDS_BELOW <= raw < MILLISECONDS_BELOW:  # nearly all of them
        return EPOCH + timedelta(milliseconds=raw)
    if isinstance(raw, dict):
        raw = raw.get("$date")
        raw = raw.get("$numberLong") if isinstance(raw, dict) else raw
    if isinstance(raw, str):
        if not (number := _NUMBER.fullmatch(raw)):
            return _parse_text(raw, received_at, organisation)
        raw = float(number[1]) if "." in number[1] else int(number[1])
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise TypeError(raw)
    if raw < 0:
        return received_at + timedelta(milliseconds=raw)
    for below, size in UNITS:
        if raw < below:
            return EPOCH + timedelta(microseconds=raw * size)
    if raw >= NANOSECONDS_BELOW:
        raise OverflowError(raw)
    return EPOCH + timedelta(microseconds=raw // 1_000)


def _parse_text(raw: str, received_at: datetime, organisation: int) -> datetime:
    if not LEAST_LENGTH < len(raw.strip()) <= MOST_LENGTH:
        raise ValueError(raw[:MOST_LENGTH])
    try:
        at = datetime.fromisoformat(raw)
    except ValueError:
        at = _parse_other_iso(raw)
    return at.astimezone(UTC) if at.tzinfo else _find_moment(at, received_at, _read_zone(organisation))


def _parse_other_iso(raw: str) -> datetime:
    """Parse what RFC 3339 and ISO 8601 have, and Python has not: small letters, a leap second, 24:00."""
    text, late = _LATE_SECOND.subn(lambda match: match[0].replace("60", "59"), raw.strip().upper())
    text, next_days = _MIDNIGHT.subn("00", text)
    return datetime.fromisoformat(text) + timedelta(days=next_days, seconds=late)


def _find_moment(local: datetime, received_at: datetime, zone: ZoneInfo) -> datetime:
    """Return when a clock on the wall of the zone shows this: the last time up to now, in the hour that it shows twice.

    Raises ValueError for an hour that it leaves out.
    """
    moments = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = [moment for moment in moments if moment.astimezone(zone).replace(tzinfo=None, fold=0) == local]
    if not shown:
        raise ValueError(local)
    return max((moment for moment in shown if moment <= received_at + SLACK), default=min(shown))


def _read_zone(organisation: int) -> ZoneInfo:
    """Return the organisation's time zone, asked for anew every half minute."""
    zone, until = _zones.get(organisation, (None, 0.0))
    if zone is None or time.monotonic() > until:
        name = Organisation.objects.filter(pk=organisation).values_list("time_zone", flat=True).get()
        zone = get_zone(name)
        _zones[organisation] = zone, time.monotonic() + ZONE_SECONDS
    return zone
