"""The time range that a request asks for: a named one up to now, or from and to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from lib import parsing
from lib.refusals import Refusal
from telemetry import refusals
from telemetry.history.series import Span
from telemetry.ingest.writer import EPOCH

if TYPE_CHECKING:
    from django.http import QueryDict

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
DEFAULT = "1h"
LONGEST = timedelta(days=366)
LEAST = 10**11  # milliseconds: March 1973; fewer are seconds


def parse_span(query: QueryDict) -> Span:
    if "from" in query:
        if "range" in query:
            raise Refusal(refusals.RANGE_TWICE, field="range")
        return _parse_between(query.get("from", ""), query.get("to", ""))
    if "to" in query:
        raise Refusal(refusals.RANGE_WITHOUT_START, field="to")
    now = timezone.now()
    return Span(now - RANGES[choose_range(query)], now)


def choose_range(query: QueryDict) -> str:
    name = query.get("range", DEFAULT)
    if name not in RANGES:
        raise Refusal(refusals.RANGE_UNKNOWN, field="range", known=", ".join(RANGES))
    return name


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
