"""The time range that a request asks for: a named one up to now, or from and to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from lib import parsing
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


class BadInput(Exception):
    """Says what was wrong, and what would be right."""

    def __init__(self, text: str, parameter: str = "range") -> None:
        super().__init__(text)
        self.parameter = parameter


def parse(query: QueryDict) -> Span:
    if "from" in query:
        return _between(query.get("from", ""), query.get("to", ""))
    if "to" in query:
        raise BadInput("“to” needs a “from”.", "to")
    now = timezone.now()
    return Span(now - RANGES[named(query)], now)


def named(query: QueryDict) -> str:
    name = query.get("range", DEFAULT)
    if name not in RANGES:
        raise BadInput(f"“range” is one of {', '.join(RANGES)}; or give “from” and “to”.")
    return name


def _between(start: str, end: str) -> Span:
    span = Span(_time("from", start), _time("to", end) if end else timezone.now())
    if span.end < span.start:
        raise BadInput("“from” must not be later than “to”.", "from")
    if span.end - span.start > LONGEST:
        raise BadInput(f"Ask for {LONGEST.days} days at most.", "from")
    return span


def _time(name: str, text: str) -> datetime:
    try:
        if parsing.is_whole(text):
            return EPOCH + timedelta(milliseconds=int(text))
        at = parse_datetime(text)
        if at is not None:
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    text = f"“{name}” is a time: milliseconds since the epoch, or ISO 8601 such as 2026-01-31T12:00:00Z."
    raise BadInput(text, name)
