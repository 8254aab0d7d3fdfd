from __future__ import annotations

from celery import shared_task

from devices import deliveries, files


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Keys and files whose time is over; again and again changes nothing."""
    deliveries.clear_expired()
    files.clear_expired()
