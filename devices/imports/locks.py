"""What an import holds while it writes: its organisation's turn, and the groups that its devices go to; and what others
have taken before it. Call it in a transaction."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from django.db import connection

from devices.models import Credential, Device
from lib.db.copy import on_postgresql
from tenants.models import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Model

_IMPORTS = 0x696D7074  # the class of our advisory locks


def take_turn(organisation: int) -> bool:
    """Return whether no other import writes to this organisation until the transaction ends. Single registrations go
    on."""
    if not on_postgresql():
        return True  # one transaction writes at a time
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_IMPORTS, organisation])
        return bool(cursor.fetchone()[0])


def lock_leaves(groups: Iterable[int]) -> set[int]:
    """Return those of the groups that are leaves, and keep them from becoming parents until the transaction ends.

    It is the weakest lock that `tenants.groups.operations` waits for: assignments to the same group go on.
    """
    wanted = sorted(set(groups))
    if not wanted:
        return set()
    if not on_postgresql():
        return set(Group.objects.filter(pk__in=wanted, numchild=0, archived_at=None).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM tenants_group WHERE id = ANY(%s) AND numchild = 0 AND archived_at IS NULL"
            " ORDER BY id FOR KEY SHARE",
            [wanted],
        )
        return {pk for (pk,) in cursor.fetchall()}


def find_taken_serials(organisation: int, keys: Sequence[str]) -> set[str]:
    """Return those of the folded serials that the organisation has."""
    return _find_present(Device, "serial_key", keys, "AND organisation_id = %s", organisation)


def find_taken_credentials(keys: Sequence[str]) -> set[str]:
    return _find_present(Credential, "access_key", keys)


def _find_present(model: type[Model], column: str, values: Sequence[str], also: str = "", *params: int) -> set[str]:
    if not values:
        return set()
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if on_postgresql():
            # One by one along the index: LIMIT keeps the planner from reading the whole table for them. As one text,
            # since each element of an array takes psycopg as long as three rows' rules; neither has a line end.
            one = f"SELECT 1 FROM {table} WHERE {column} = wanted {also} LIMIT 1"  # noqa: S608
            every = (
                f"SELECT wanted FROM unnest(string_to_array(%s, chr(10))) AS wanted CROSS JOIN LATERAL ({one}) AS found"  # noqa: S608
            )
            cursor.execute(every, ["\n".join(values), *params])
        else:
            marks = ",".join(repeat("%s", len(values)))
            cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IN ({marks}) {also}", [*values, *params])  # noqa: S608
        return {value for (value,) in cursor.fetchall()}
