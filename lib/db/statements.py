"""Statements that PostgreSQL plans once for each connection, and that only their values are sent for from then on.

For a small question over many tables the planner takes several times as long as the answer. A statement is kept by its
text, in which all but the values stands: psycopg prepares it, and forgets those that were not asked for longest.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

BEGIN, END = "\ue100", "\ue101"  # for private use
NEVER = 1_000_000_000
PLACE = re.compile(f"'{BEGIN}{END}'")


def keeps_statements(connection: BaseDatabaseWrapper) -> bool:
    return bool(settings.DATABASE_PREPARE) and connection.vendor == "postgresql"


def write_constants(
    connection: BaseDatabaseWrapper, sql: str, parameters: Sequence[Any], places: Collection[int]
) -> str:
    """Return the statement with its parameters in it, but for those at these places, each of which stays a `%s`."""
    from django.db.backends.postgresql.psycopg_any import mogrify  # there is psycopg only with PostgreSQL

    connection.ensure_connection()
    marked = [f"{BEGIN}{END}" if place in places else parameter for place, parameter in enumerate(parameters)]
    written: str = mogrify(sql, marked, connection)
    return PLACE.sub("%s", written.replace("%", "%%"))


def open_cursor(connection: BaseDatabaseWrapper) -> Any:
    """Return a cursor for statements whose text is always the same, that has PostgreSQL keep them and send bytes as
    bytes, which else come as twice as many digits."""
    return (Preparing(connection, binary=True) if keeps_statements(connection) else connection).cursor()


class Preparing:
    """Stand for a connection whose cursors prepare what they are asked."""

    def __init__(self, connection: Any, *, binary: bool = False) -> None:
        self._connection, self._binary = connection, binary

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        connection = self._connection
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        with connection.wrap_database_errors:
            cursor = _find_cursor_class()(connection.connection)
            cursor.format = int(self._binary)
            cursor.logs = connection.queries_logged
            return connection._prepare_cursor(cursor)


class Logged(NamedTuple):
    query: bytes


@cache
def _find_cursor_class() -> Any:
    from django.db.backends.postgresql.base import ServerBindingCursor
    from psycopg import ClientCursor
    from psycopg.errors import FeatureNotSupported
    from psycopg.pq import TransactionStatus

    base: Any = ServerBindingCursor

    class PreparingCursor(base):  # type: ignore[misc]
        logs = False

        def execute(self, query: Any, params: Any = None) -> Any:
            done = self._execute(query, params)
            if self.logs:  # Django shows a statement as its cursor has it
                self._query = Logged(ClientCursor(self.connection).mogrify(query, params).encode())
            return done

        def _execute(self, query: Any, params: Any) -> Any:
            self.connection.prepare_threshold = NEVER  # by itself; with None it would not, even when it is told to
            try:
                return super().execute(query, params, prepare=True)
            except FeatureNotSupported:  # a migration gave a column another type
                if self.connection.info.transaction_status != TransactionStatus.IDLE:
                    raise
            super().execute("DEALLOCATE ALL")
            return super().execute(query, params, prepare=True)

    return PreparingCursor
