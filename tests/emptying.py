"""What a test whose transactions were real has left in the tables goes: by table that has rows, for most have none."""

from __future__ import annotations

from functools import cache

from django.apps import apps
from django.db import connection, transaction

# Migrations write them, of each model the same, and no test does.
KEPT = {"auth_permission", "django_content_type"}

_times: list[None] = []  # an item for each time, since it was asked


def was_emptied() -> bool:
    """Return whether tables were emptied since this was asked last."""
    was = bool(_times)
    _times.clear()
    return was


@cache
def list_tables() -> list[str]:
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    return sorted({model._meta.db_table for model in models} - KEPT)


def empty_tables() -> None:
    """Waits for whoever still writes, so that what they wrote goes, too."""
    _times.append(None)
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {', '.join(map(quote, list_tables()))} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger, and no order of tables
        while filled := list_filled():  # what SQLite's triggers write meanwhile
            for table in filled:
                cursor.execute(f"DELETE FROM {quote(table)}")


def list_filled() -> list[str]:
    each = [
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})" for table in list_tables()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return [table for (table,) in cursor.fetchall()]
