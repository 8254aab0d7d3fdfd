"""Many values as one parameter of a statement: an array of PostgreSQL's as text, or JSON for SQLite.

A driver writes lists value by value, in Python; a batch of thousands of rows is written here in one go.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import CharField, ForeignKey, Lookup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

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


@CharField.register_lookup
class OneOf(Lookup):
    """Match what is among the values that `encode_texts` wrote: one parameter, however many they are."""

    lookup_name, prepare_rhs, kind = "one_of", False, "text"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::{self.kind}[])", (*parameters, self.rhs)
        return f"{column} IN (SELECT value FROM json_each(%s))", (*parameters, self.rhs)  # noqa: S608 (a column of ours)


@ForeignKey.register_lookup
class OneOfNumbers(OneOf):
    """Match what is among the numbers that `encode_numbers` wrote."""

    kind = "bigint"


def encode_flags(flags: Iterable[bool]) -> str:
    return _wrap(["true" if flag else "false" for flag in flags])


def count_microseconds(at: datetime) -> int:
    """Return how many have passed since the epoch: as a time is exact in a number."""
    return (at - _EPOCH) // _MICROSECOND


def make_time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
