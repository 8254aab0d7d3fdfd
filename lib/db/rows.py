"""One new row, unless one with such a key is there: without a savepoint, and without building the statement again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

if TYPE_CHECKING:
    from django.db.models import Field, Model


def insert(row: Model) -> bool:
    """Store the row, which gets its primary key; return whether it is new: where something that is there once is there
    already, also of a transaction that has committed meanwhile, nothing is stored.

    What the database fills in by itself is read when it is asked for. Hooks of `save` are not called.
    """
    names, marks, values = [], [], []
    for field in _list_fields(type(row)):
        value = field.pre_save(row, add=True)
        if isinstance(value, DatabaseDefault):
            continue
        mark, parameters = _write(field, value)
        names.append(field.column)
        marks.append(mark)
        values += parameters
    with connection.cursor() as cursor:
        cursor.execute(_write_statement(type(row), tuple(names), tuple(marks)), values)
        if (found := cursor.fetchone()) is None:
            return False
    row.pk, row._state.adding, row._state.db = found[0], False, connection.alias
    for field in _list_fields(type(row)):
        if isinstance(getattr(row, field.attname), DatabaseDefault):
            delattr(row, field.attname)  # deferred
    return True


def _write(field: Field[Any, Any], value: Any) -> tuple[str, list[Any]]:
    if not hasattr(value, "resolve_expression"):
        return "%s", [field.get_db_prep_save(value, connection)]
    query = InsertQuery(field.model)
    resolved = value.resolve_expression(query, allow_joins=False, for_save=True)
    sql, parameters = query.get_compiler(connection=connection).compile(resolved)
    return sql, list(parameters)


@cache
def _list_fields(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.local_concrete_fields if not field.primary_key]


@cache
def _write_statement(model: type[Model], names: tuple[str, ...], marks: tuple[str, ...]) -> str:
    columns, table = ", ".join(f'"{name}"' for name in names), model._meta.db_table
    filled = f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join(marks)})'  # noqa: S608  # columns are ours
    return f'{filled} ON CONFLICT DO NOTHING RETURNING "id"'
