"""INSERT … SELECT: as many rows as there are, none of which passes through here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model, QuerySet


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
