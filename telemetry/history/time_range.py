"""The time range that a request asks for: a named one up to now, or from and to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from lib import parsing
from lib.refusals import Refusal
from telemetry import refusals
from telemetry.history.series import Span
from telemetry.ingest.times import EPOCH, count_milliseconds

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from django.http import QueryDict

    from devices.models import Device

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}
ALL = "all"
NAMES = [*RANGES, ALL]
DEFAULT = "1h"
LONGEST = timedelta(days=3_660)  # ten years
OLDEST = timedelta(days=31)  # of a report, when it arrives
AHEAD = timedelta(days=2)  # by which a report's time may be ahead of the clock, and more
LEAST = 10**11  # milliseconds: March 1973; fewer are seconds


@dataclass(frozen=True)
class Shown:
    """Hold what a page shows: a named range, or "" for one from and to; whether it ends now; why not what was asked."""

    name: str
    span: Span
    live: bool
    refused: str = ""

    @property
    def ends(self) -> tuple[datetime, datetime | None]:
        """Return from when to when; None for now."""
        return self.span.start, None if self.live else self.span.end

    @property
    def query(self) -> str:
        """Return what addresses say for it."""
        if self.name:
            return f"range={self.name}"
        named = zip(("from", "to"), self.ends, strict=True)
        return "&".join(f"{name}={count_milliseconds(at)}" for name, at in named if at is not None)


def parse_span(query: QueryDict, device: Device) -> Span:
    """Return the range that is asked for, of all that this device reported where it is for `all`. Raises Refusal."""
    if "from" in query:
        if "range" in query:
            raise Refusal(refusals.RANGE_TWICE, field="range")
        return _parse_between(query.get("from", ""), query.get("to", ""))
    if "to" in query:
        raise Refusal(refusals.RANGE_WITHOUT_START, field="to")
    return _find_named(choose_range(query), device)


def parse_file_span(query: QueryDict, device: Device) -> Span:
    """Return it for a file: of `all` with what is from ahead of the clock."""
    span = parse_span(query, device)
    return Span(span.start, span.end + AHEAD) if query.get("range") == ALL else span


def parse_shown(query: QueryDict, device: Device) -> Shown:
    """Return what a page shows of what its address asks for; of what can't be had the usual range, and why."""
    try:
        span = parse_span(query, device)
    except Refusal as refusal:
        return Shown(DEFAULT, _find_named(DEFAULT, device), live=True, refused=str(refusal))
    name = "" if "from" in query else choose_range(query)
    return Shown(name, span, live=bool(name) or not query.get("to"))


def name_zone(query: QueryDict, zone: ZoneInfo) -> str:
    """Return the same query with times of a person's clock, as its form gives them, as moments that are the same for
    everybody who gets the address; nothing where there are none. Where the clock goes back, the range is the longer."""
    moments = query.copy()
    for name, fold in (("from", 0), ("to", 1)):
        with suppress(ValueError, OverflowError):
            text = query.get(name, "")
            # Milliseconds may read as a date without separators: 1796051531706 as the 15th of May 1796, 17:06.
            at = None if parsing.is_whole_number(text) else parse_datetime(text)
            if at is not None and at.tzinfo is None:
                moments[name] = at.replace(tzinfo=zone, fold=fold).astimezone(UTC).isoformat().replace("+00:00", "Z")
    if moments.get("to") == "":
        del moments["to"]
    return "" if moments == query else moments.urlencode(safe=":")


def choose_range(query: QueryDict) -> str:
    name = query.get("range", DEFAULT)
    if name not in NAMES:
        raise Refusal(refusals.RANGE_UNKNOWN, field="range", known=", ".join(NAMES))
    return name


def _find_named(name: str, device: Device) -> Span:
    now = timezone.now()
    if name != ALL:
        return Span(now - RANGES[name], now)
    begun = device.assignment.opened_at if device.assignment else device.registered_at - OLDEST
    return Span(min(begun, now), now)


def _parse_between(start: str, end: str) -> Span:
    span = Span(_parse_time("from", start), _parse_time("to", end) if end else timezone.now())
    if span.end < span.start:
        raise Refusal(refusals.RANGE_BACKWARDS, field="from")
    if span.end - span.start > LONGEST:
        raise Refusal(refusals.RANGE_TOO_LONG, field="from", days=LONGEST.days)
    return span


def _parse_time(name: str, text: str) -> datetime:
    try:
        if parsing.is_whole_number(text):
            if 0 < int(text) < LEAST:
                raise Refusal(refusals.TIME_IN_SECONDS, field=name, name=name)
            return EPOCH + timedelta(milliseconds=int(text))
        at = parse_datetime(text)
        if at is not None and at.tzinfo is None:
            raise Refusal(refusals.TIME_WITHOUT_ZONE, field=name, name=name)
        if at is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refusal(refusals.NO_TIME, field=name, name=name)
