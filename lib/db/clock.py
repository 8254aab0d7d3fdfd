"""The database's clock, by which everything is judged that has its time."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

QUESTIONS = {
    "postgresql": "SELECT statement_timestamp()",
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
}


def read_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(QUESTIONS[connection.vendor])
        (now,) = cursor.fetchone()
    return now if isinstance(now, datetime) else datetime.fromisoformat(now)
