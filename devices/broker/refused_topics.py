"""What devices wanted of topics that are not theirs, or wanted to be kept: counted for the device, as refused connects
are.

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

    from lib.refusals import Kind


def note_refusal(device_id: str, *, retained: bool = False) -> None:
    """Put down that a device was refused a topic, or a message to be kept; from any thread, and at once."""
    kind = refusals.RETAINED if retained else refusals.TOPIC_OF_ANOTHER
    refused_topics.note((device_id, kind), lambda: (device_id, kind))


def count_refusals(refused: Iterable[tuple[tuple[str, Kind], int]]) -> None:
    """Count them, by device ID and kind."""
    times = dict(refused)
    ids = {device_id for device_id, _ in times}
    devices = {
        each.device_id: each for each in Device.objects.filter(device_id__in=ids).only("device_id", "assignment_id")
    }
    record_attempts(
        [
            Counted(devices[device_id].pk, devices[device_id].assignment_id, DOOR, kind, {}, count)
            for (device_id, kind), count in times.items()
            if device_id in devices
        ]
    )


def make_counts() -> LateCounts[tuple[str, Kind]]:
    return LateCounts(count_refusals, of="refused topics")


refused_topics = make_counts()
