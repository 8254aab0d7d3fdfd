"""Statements about many rows: INSERT … SELECT, none of which passes through here, UPDATE … RETURNING, UPDATE of each to
values of its own, and `__among`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, ForeignKey, IntegerField, Lookup
from django.db.models.sql import UpdateQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model, QuerySet
    from django.db.models.sql.compiler import SQLCompiler


@IntegerField.register_lookup
@ForeignKey.register_lookup
class Among(Lookup):
    """Match as `__in` does, of thousands of whole numbers: one parameter on PostgreSQL, instead of each written out."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        keys = list(self.rhs)
        if connection.vendor == "postgresql":
            # As one text: psycopg takes each element of a list by itself.
            text = ",".join(str(int(key)) for key in keys if key is not None)
            return f"{column} = ANY(%s::bigint[])", (*params, f"{{{text}}}")
        if not keys:
            raise EmptyResultSet
        return f"{column} IN ({','.join(['%s'] * len(keys))})", (*params, *keys)


def insert(
    into: type[Model],
    rows: QuerySet[Any],
    *,
    each: Mapping[str, str],
    same: Mapping[str, str | int | None],
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Insert a row of `into` for every one of `rows`: `each` is column -> field, `same` is column -> value.

    Columns are ours, never anybody's input. A JSON value is given as text; what has a default in the database may miss.
    Return the columns of `returning` of each new row.
    """
    named = {f"c{number}": F(field) for number, field in enumerate(each.values())}
    try:
        query, values = rows.order_by().values(**named).query.sql_with_params()
    except EmptyResultSet:
        return []
    columns = ", ".join([*each, *same])
    picked = ", ".join([*(f"chosen.{name}" for name in named), *["%s"] * len(same)])
    back = f"RETURNING {', '.join(returning)}" if returning else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {into._meta.db_table} ({columns}) SELECT {picked} FROM ({query}) chosen {back}",  # noqa: S608
            [*same.values(), *values],
        )
        return cursor.fetchall() if returning else []


def update(rows: QuerySet[Any], **to: Any) -> list[int]:
    """Update the rows, and return the primary keys of those that met their condition when their turn came."""
    query: UpdateQuery = rows.order_by().query.chain(UpdateQuery)  # type: ignore[assignment]
    query.add_update_values(to)
    try:
        text, values = query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"{text} RETURNING id", values)
        return sorted(pk for (pk,) in cursor.fetchall())


def update_each(
    into: type[Model], rows: Iterable[Sequence[Any]], *, columns: Mapping[str, str], key: str, same: Mapping[str, int]
) -> None:
    """Update the row of `into` whose `key` each of `rows` has, and that has what is the `same` of all.

    One statement. `rows` have what JSON can write, in the order of `columns`: column -> its type in PostgreSQL. They
    travel as one text, since psycopg takes each value by itself.
    """
    table, text = into._meta.db_table, json.dumps([list(row) for row in rows])
    if connection.vendor == "postgresql":
        picked = [f"(said ->> {at})::{kind} AS {column}" for at, (column, kind) in enumerate(columns.items())]
        source = "json_array_elements(%s::json) AS said"
    else:
        picked = [f"json_extract(value, '$[{at}]') AS {column}" for at, column in enumerate(columns)]
        source = "json_each(%s)"
    to = ", ".join(f"{column} = new.{column}" for column in columns if column != key)
    where = " AND ".join([f"{table}.{key} = new.{key}", *(f"{table}.{column} = %s" for column in same)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {to} FROM (SELECT {', '.join(picked)} FROM {source}) AS new WHERE {where}",  # noqa: S608
            [text, *same.values()],
        )
