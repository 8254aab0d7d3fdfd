"""Statements about many rows: INSERT … SELECT, none of which passes through here, and `__among`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, ForeignKey, IntegerField, Lookup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model, QuerySet
    from django.db.models.sql.compiler import SQLCompiler


@IntegerField.register_lookup
@ForeignKey.register_lookup
class Among(Lookup):
    """As `__in`, of thousands of whole numbers: one parameter on PostgreSQL, instead of writing each of them out."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        keys = list(self.rhs)
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::bigint[])", (*params, keys)
        if not keys:
            raise EmptyResultSet
        return f"{column} IN ({','.join(['%s'] * len(keys))})", (*params, *keys)


def insert(
    into: type[Model], rows: QuerySet[Any], *, each: Mapping[str, str], same: Mapping[str, str | int | None]
) -> None:
    """For every one of `rows` a row of `into`: column -> field in `each`, column -> value in `same`.

    Columns are ours, never anybody's input. A JSON value is given as text; what has a default in the database may miss.
    """
    named = {f"c{number}": F(field) for number, field in enumerate(each.values())}
    try:
        query, values = rows.order_by().values(**named).query.sql_with_params()
    except EmptyResultSet:
        return
    columns = ", ".join([*each, *same])
    picked = ", ".join([*(f"chosen.{name}" for name in named), *["%s"] * len(same)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {into._meta.db_table} ({columns}) SELECT {picked} FROM ({query}) chosen",  # noqa: S608
            [*same.values(), *values],
        )
