"""What many tests begin with: made once in a process by the site's own functions, and then written again row by row."""

from __future__ import annotations

import io
import pickle
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import connection, transaction
from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]

Made = TypeVar("Made")
DERIVED = {"devices_groupdevicecount"}  # triggers write it


def rows() -> Rows:
    """Of every table: the names of its columns, and what is in it by key (a changed row lies elsewhere than before)."""
    found: Rows = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.django_table_names(only_existing=True)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
            found[table] = [column[0] for column in cursor.description], cursor.fetchall()
    return found


class Snapshot(Generic[Made]):
    """Of what `make` adds to a database, which is as before afterwards."""

    def __init__(self, make: Callable[[], Made]) -> None:
        before = rows()
        block = transaction.atomic()
        block._from_testcase = True  # type: ignore[attr-defined]  # what has to be the outermost may be within
        with block:
            made, self._at = make(), timezone.now()
            self.rows = {table: (names, _added(before[table][1], now)) for table, (names, now) in rows().items()}
            transaction.set_rollback(True)
        kept = io.BytesIO()
        _Pickler(kept).dump(made)
        self._made = kept.getvalue()

    def write(self) -> Made:
        """Its rows, with the same keys, as if they were made now."""
        later = timezone.now() - self._at
        at_once = nullcontext() if connection.in_atomic_block else transaction.atomic()
        with at_once, connection.cursor() as cursor:
            for table, (names, lines) in self.rows.items():
                if lines and table not in DERIVED:
                    cursor.execute(*_insert(table, names, lines, later))
        made: Made = _Unpickler(self._made, later).load()
        return made


def _added(before: list[tuple[Any, ...]], now: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    assert [row for row in before if row not in now] == []
    return [row for row in now if row not in before]


def _insert(table: str, names: list[str], lines: list[tuple[Any, ...]], later: timedelta) -> tuple[str, list[Any]]:
    quote = connection.ops.quote_name
    line = f"({', '.join(['%s'] * len(names))})"
    into = f"INSERT INTO {quote(table)} ({', '.join(map(quote, names))}) VALUES {', '.join([line] * len(lines))}"
    return into, [_moved(value, later) for row in lines for value in row]


def _moved(value: Any, later: timedelta) -> Any:
    return value + later if isinstance(value, datetime) else value


class _Pickler(pickle.Pickler):
    """Leaves moments to who reads."""

    def persistent_id(self, value: Any) -> datetime | None:
        return value if isinstance(value, datetime) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, later: timedelta) -> None:
        super().__init__(io.BytesIO(data))
        self._later = later

    def persistent_load(self, moment: datetime) -> datetime:
        return moment + self._later
