"""Who subscribes to commands, as brokers ask or are told: a client that keeps no session gets then what waits.

It is only put down where a question is answered, and waits for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models.functions import Now

from devices.models import Device, Listening
from lib.late_counts import LateCounts

if TYPE_CHECKING:
    from collections.abc import Iterable


def note_subscription(device_id: str) -> None:
    """Put down that a device subscribes to its commands; from any thread, and at once."""
    subscriptions.note(device_id, lambda: device_id)


def record_subscriptions(noted: Iterable[tuple[str, int]]) -> None:
    keys = Device.objects.filter(device_id__in=[device_id for device_id, _ in noted]).order_by("pk")
    rows = [Listening(device_id=pk, subscribed_at=Now()) for pk in keys.values_list("pk", flat=True)]
    Listening.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["device"], update_fields=["subscribed_at"]
    )


def make_counts() -> LateCounts[str]:
    return LateCounts(record_subscriptions, of="subscriptions")


subscriptions = make_counts()
