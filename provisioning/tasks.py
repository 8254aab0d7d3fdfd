from __future__ import annotations

from celery import shared_task

from lib import tasks
from provisioning.doors import registration
from provisioning.hooks import delivery


@shared_task  # type: ignore[untyped-decorator]
def deliver_hooks() -> None:
    """Tell back ends what is due, for a while; the rest comes after what others wait for in the queue."""
    if delivery.deliver_due():
        tasks.send("provisioning.tasks.deliver_hooks")


@shared_task  # type: ignore[untyped-decorator]
def clear_used_tokens() -> None:
    """Delete what is known of used tokens that expired. Safe to repeat."""
    registration.clear_used_tokens()


@shared_task  # type: ignore[untyped-decorator]
def clear_hooks() -> None:
    """Delete what was told long ago. Safe to repeat."""
    delivery.clear_old()
