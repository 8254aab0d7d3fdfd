"""Many values as one parameter of a statement: an array of PostgreSQL's as text, or JSON for SQLite.

A driver writes lists value by value, in Python; a batch of thousands of rows is written here in one go.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models.expressions import RawSQL

if TYPE_CHECKING:
    from collections.abc import Iterable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _wrap(parts: Iterable[str]) -> str:
    opened, closed = "{}" if connection.vendor == "postgresql" else "[]"
    return f"{opened}{','.join(parts)}{closed}"


def encode_numbers(numbers: Iterable[int | None]) -> str:
    null = "NULL" if connection.vendor == "postgresql" else "null"
    return _wrap([null if number is None else str(number) for number in numbers])


def encode_texts(texts: Iterable[str]) -> str:
    """Texts of printable ASCII alone, like device IDs, for which both write quotes and backslashes alike."""
    return _wrap(map(json.dumps, texts))


def select_given(given: str, kind: str) -> RawSQL:
    """Return the values of what `encode_numbers` or `encode_texts` wrote, as a subquery; `kind`: bigint or text."""
    postgresql = connection.vendor == "postgresql"
    select = f"SELECT unnest(%s::{kind}[])" if postgresql else "SELECT value FROM json_each(%s)"
    return RawSQL(select, (given,))  # noqa: S611 (only names of ours are put into the text)


def encode_flags(flags: Iterable[bool]) -> str:
    return _wrap(["true" if flag else "false" for flag in flags])


def count_microseconds(at: datetime) -> int:
    """Return how many have passed since the epoch: as a time is exact in a number."""
    return (at - _EPOCH) // _MICROSECOND


def make_time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
