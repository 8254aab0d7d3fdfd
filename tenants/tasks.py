from __future__ import annotations

from celery import shared_task

from tenants.accounts import events, mails, sessions
from tenants.api import idempotency_records


@shared_task  # type: ignore[untyped-decorator]
def clear_expired() -> None:
    """Delete old answers to repeated requests, old account events and ended sessions. Safe to repeat."""
    idempotency_records.clear_expired()
    events.clear_old()
    sessions.clear_ended()


@shared_task  # type: ignore[untyped-decorator]
def send_account_mails() -> None:
    """Send what waits, once, whoever asks."""
    mails.send_due()
