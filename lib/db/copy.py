"""Many rows at once: COPY on PostgreSQL, executemany on SQLite. Primary keys are taken before, so that rows of several
tables can name each other. Call it in a transaction."""

from __future__ import annotations

from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Model

FEW = 4
"""Fewer rows than that are inserted by a plain statement."""


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


def take_keys(model: type[Model], count: int) -> Sequence[int]:
    """Take primary keys for `count` new rows."""
    table = model._meta.db_table
    if not count:
        return ()
    with connection.cursor() as cursor:
        if on_postgresql():
            # The sequence is looked up in a query of its own: once, not for each row.
            own = "(SELECT pg_get_serial_sequence(%s, 'id')::regclass)"
            cursor.execute(f"SELECT nextval({own}) FROM generate_series(1, %s)", [table, count])  # noqa: S608
            return [pk for (pk,) in cursor.fetchall()]
        cursor.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        first = cursor.fetchone()[0] + 1
        return range(first, first + count)


def write(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows whose `columns` are named as in the database; one left out gets its default there. JSON as text.

    `rows` must not ask the database for anything: the connection is busy with them.
    """
    table = model._meta.db_table
    rows = iter(rows)
    if not (few := list(islice(rows, FEW))):
        return
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if len(few) < FEW:  # COPY is two more turns with the server
            own = f"({','.join(repeat('%s', len(columns)))})"
            cursor.execute(
                f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join(repeat(own, len(few)))}",  # noqa: S608
                [value for row in few for value in row],
            )
            return
        rows = chain(few, rows)
        if on_postgresql():
            with cursor.copy(f"COPY {table} ({','.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ",".join(repeat("?", len(columns)))
        plain = cursor.cursor.connection.cursor()  # past Django's own rewriting of each row's parameters
        plain.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", rows)  # noqa: S608


def check_references() -> None:
    """Check the foreign keys that the transaction wrote, now rather than all at once at its end."""
    if on_postgresql():
        connection.check_constraints()


def count_anew(*models: type[Model]) -> None:
    """Tell PostgreSQL's planner roughly what the tables hold now. Its own round does it well, but a minute later; until
    then a page could read and sort all that is new, where an index gives it the first fifty."""
    if on_postgresql():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL default_statistics_target = 10")
            for model in models:
                cursor.execute(f"ANALYZE {model._meta.db_table}")
