"""Transactions that wait for each other, on PostgreSQL: who waits is asked, and not guessed by time."""

from __future__ import annotations

from django.db import connection


def wait_until_somebody_waits() -> None:
    """Return once another transaction waits for what this one's holds. Raises AssertionError after ten seconds."""
    with connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.005)")
    raise AssertionError("nobody waits")


def look_for_deadlocks_after(seconds: int) -> None:
    """Of this connection and of another one that wait for each other, that one is ended which looks first."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET deadlock_timeout = '{seconds}s'")
