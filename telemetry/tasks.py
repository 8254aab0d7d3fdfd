from __future__ import annotations

from celery import shared_task

from telemetry.attention import silence, telling


@shared_task  # type: ignore[untyped-decorator]
def watch() -> None:
    """Find who fell silent, and mail what needs attention. Safe to repeat."""
    silence.watch()
    telling.tell_due()
    telling.send_due()
    telling.clear_old()
