"""What PostgreSQL's index of a search (GIN) does with new rows: it gathers their entries, and sorts them in when it has
many. Who writes a hundred thousand rows lets it gather more, and sorts in what is left: a fifth less work, and nobody
who adds a single device later has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from lib.db.copy import on_postgresql

if TYPE_CHECKING:
    from django.db.models import Model

GATHERED = "16MB"  # every search reads it through: some milliseconds


def gather() -> None:
    """Until the transaction ends, let such indexes gather more before they sort it in."""
    if on_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL gin_pending_list_limit = '{GATHERED}'")


def sort_in(model: type[Model]) -> int:
    """Sort in what such indexes of the table have gathered, if they are ours; return the number of pages."""
    if not on_postgresql():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(gin_clean_pending_list(indexes.indexrelid)), 0)"
            " FROM pg_index indexes JOIN pg_class named ON named.oid = indexes.indexrelid"
            " JOIN pg_am kind ON kind.oid = named.relam WHERE indexes.indrelid = %s::regclass"
            " AND kind.amname = 'gin' AND pg_has_role(named.relowner, 'USAGE')",
            [model._meta.db_table],
        )
        return int(cursor.fetchone()[0])
