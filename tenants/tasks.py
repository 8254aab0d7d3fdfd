from __future__ import annotations

from celery import shared_task

from tenants import replays


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Answers kept for repeated requests leave after a day; again and again changes nothing."""
    replays.clear_expired()
