"""Many rows at once: COPY on PostgreSQL, executemany on SQLite. Primary keys are taken before, so that rows of several
tables can name each other. Call it in a transaction."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from devices.models import Credential, Device
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Model

_IMPORTS = 0x696D7074  # the class of our advisory locks


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


def take_turn(organisation: int) -> bool:
    """Whether no other import writes to this organisation until the transaction ends. Single registrations go on."""
    if not on_postgresql():
        return True  # one transaction writes at a time
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_IMPORTS, organisation])
        return bool(cursor.fetchone()[0])


def hold_leaves(groups: Iterable[int]) -> set[int]:
    """Those of the groups that are leaves, and can't become parents until the transaction ends.

    The weakest lock that `tenants.groups` waits for: assignments to the same group go on.
    """
    wanted = sorted(set(groups))
    if not wanted or not on_postgresql():
        return set(Group.objects.filter(pk__in=wanted, numchild=0, archived_at=None).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM tenants_group WHERE id = ANY(%s) AND numchild = 0 AND archived_at IS NULL"
            " ORDER BY id FOR KEY SHARE",
            [wanted],
        )
        return {pk for (pk,) in cursor.fetchall()}


def taken_serials(organisation: int, keys: Sequence[str]) -> set[str]:
    """Those of the folded serials that the organisation has."""
    return _present(Device, "serial_key", keys, "AND organisation_id = %s", organisation)


def taken_credentials(keys: Sequence[str]) -> set[str]:
    return _present(Credential, "access_key", keys)


def _present(model: type[Model], column: str, values: Sequence[str], also: str = "", *params: int) -> set[str]:
    if not values:
        return set()
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if on_postgresql():
            # One by one along the index: LIMIT keeps the planner from reading the whole table for them.
            one = f"SELECT 1 FROM {table} WHERE {column} = wanted {also} LIMIT 1"  # noqa: S608
            every = f"SELECT wanted FROM unnest(%s::text[]) AS wanted CROSS JOIN LATERAL ({one}) AS found"  # noqa: S608
            cursor.execute(every, [list(values), *params])
        else:
            marks = ",".join(repeat("%s", len(values)))
            cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IN ({marks}) {also}", [*values, *params])  # noqa: S608
        return {value for (value,) in cursor.fetchall()}


def take_keys(model: type[Model], count: int) -> Sequence[int]:
    """Primary keys for so many new rows."""
    table = model._meta.db_table
    if not count:
        return ()
    with connection.cursor() as cursor:
        if on_postgresql():
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
            )
            return [pk for (pk,) in cursor.fetchall()]
        cursor.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
        first = cursor.fetchone()[0] + 1
        return range(first, first + count)


def write(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """`columns` as in the database; what is left out gets the database's default. JSON as text.

    `rows` must not ask the database for anything: the connection is busy with them.
    """
    table = model._meta.db_table
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if on_postgresql():
            with cursor.copy(f"COPY {table} ({','.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ",".join(repeat("?", len(columns)))
        plain = cursor.cursor.connection.cursor()  # past Django's own rewriting of each row's parameters
        plain.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", rows)  # noqa: S608


def check_references() -> None:
    """Of what the transaction wrote, now rather than all at once at its end."""
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
