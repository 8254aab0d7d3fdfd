from __future__ import annotations

from celery import shared_task
from django.core.management import call_command


@shared_task  # type: ignore[untyped-decorator]
def clear_sessions() -> None:
    """Delete expired sessions; again and again changes nothing."""
    call_command("clearsessions")
