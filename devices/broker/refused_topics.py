"""What devices wanted of topics that are not theirs: counted for the device, as refused connects are.

It is only put down where a question is answered, and waits for nothing. Which topic it was is not kept: it may name
another tenant's device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices import refusals
from devices.broker.refused_connects import DOOR
from devices.connections.refused_attempts import Counted, record_attempts
from devices.models import Device
from lib.late_counts import LateCounts

if TYPE_CHECKING:
    from collections.abc import Iterable


def note_refusal(device_id: str) -> None:
    """Put down that a device was refused a topic; from any thread, and at once."""
    refused_topics.note(device_id, lambda: device_id)


def count_refusals(refused: Iterable[tuple[str, int]]) -> None:
    """Count them, by device ID."""
    times = dict(refused)
    devices = Device.objects.filter(device_id__in=times).only("device_id", "assignment_id")
    record_attempts(
        [
            Counted(device.pk, device.assignment_id, DOOR, refusals.TOPIC_OF_ANOTHER, {}, times[device.device_id])
            for device in devices
        ]
    )


def make_counts() -> LateCounts[str]:
    return LateCounts(count_refusals, of="refused topics")


refused_topics = make_counts()
