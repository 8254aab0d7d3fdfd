from __future__ import annotations

from celery import shared_task

from telemetry.attention import pushing, silence, telling
from telemetry.history import retention, roller
from telemetry.ingest import partitions


@shared_task  # type: ignore[untyped-decorator]
def watch() -> None:
    """Find who fell silent, and mail what needs attention. Safe to repeat."""
    silence.watch()
    telling.tell_due()
    telling.send_due()
    telling.clear_old()


@shared_task  # type: ignore[untyped-decorator]
def push() -> None:
    """Tell browsers what needs attention. Safe to repeat."""
    pushing.send_due()
    pushing.clear_old()


@shared_task  # type: ignore[untyped-decorator]
def keep_history() -> None:
    """Make the tables of the months that come, delete what is older than it is to be kept, and give back the disk of
    what was packed. Safe to repeat."""
    partitions.make_ahead()
    retention.clear_old()
    partitions.shrink_emptied()


@shared_task  # type: ignore[untyped-decorator]
def roll_up() -> None:
    """Sum what devices reported, for charts of long times. Safe to repeat."""
    roller.roll()
