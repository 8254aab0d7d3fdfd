from __future__ import annotations

from celery import shared_task

from tenants.accounts import events, mails, sessions
from tenants.api import replays


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Answers kept for repeated requests leave after a day; again and again changes nothing."""
    replays.clear_expired()
    events.clear_old()
    sessions.clear_ended()


@shared_task  # type: ignore[untyped-decorator]
def send_account_mails() -> None:
    """What waits is sent once, whoever asks."""
    mails.send_due()
