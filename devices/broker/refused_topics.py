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


def note_refusal(device_id: str, kind: Kind = refusals.TOPIC_OF_ANOTHER) -> None:
    """Put down that a device was refused a topic; from any thread, and at once."""
    refused_topics.note((device_id, kind.code), lambda: (device_id, kind))


def count_refusals(refused: Iterable[tuple[tuple[str, Kind], int]]) -> None:
    """Count them, by device ID and kind."""
    refused = list(refused)
    found = Device.objects.filter(device_id__in={device_id for (device_id, _), _ in refused})
    devices = {device.device_id: device for device in found.only("device_id", "assignment_id")}
    record_attempts(
        [
            Counted(devices[device_id].pk, devices[device_id].assignment_id, DOOR, kind, {}, times)
            for (device_id, kind), times in refused
            if device_id in devices
        ]
    )


def make_counts() -> LateCounts[tuple[str, Kind]]:
    return LateCounts(count_refusals, of="refused topics")


refused_topics = make_counts()
