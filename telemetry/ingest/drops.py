"""What of devices' messages is not kept, and why: counted in memory, written once for a whole batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

from devices.models import Device
from telemetry.ingest import upserts
from telemetry.models import Drop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

MOST_LENGTH = 64
MOST_SAMPLES = 6  # one more than a page shows, so that it knows of others
Cause = Drop.Cause


@dataclass(slots=True)
class Tally:
    assignment: int | None
    first_at: datetime
    last_at: datetime
    count: int = 0
    samples: list[str] = field(default_factory=list)  # the last one first

    def add_sample(self, sample: str) -> None:
        self.samples = [sample, *(each for each in self.samples if each != sample)][:MOST_SAMPLES]


class Drops:
    """Tally what is dropped, by device and cause."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[int, str], Tally] = {}

    def __bool__(self) -> bool:
        return bool(self._tallies)

    def add(self, device: Device, cause: Cause, at: datetime, sample: str = "", count: int = 1) -> None:
        key = device.pk, cause.value
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(device.assignment_id, at, at)
        tally.count += count
        tally.first_at, tally.last_at = min(tally.first_at, at), max(tally.last_at, at)
        if sample:
            tally.add_sample(_clean_sample(sample))

    def save(self) -> None:
        """Write them, in one statement."""
        upserts.write_drops(
            [
                (*key, tally.assignment, tally.count, tally.first_at, tally.last_at, "\n".join(tally.samples))
                for key, tally in sorted(self._tallies.items())
            ]
        )


def record_drops(dropped: Mapping[str, int], cause: Cause) -> None:
    """Record, by device ID, how many messages were dropped just now before anybody looked into them."""
    drops = Drops()
    for device, now in _find_devices(dropped):
        drops.add(device, cause, now, count=dropped[device.device_id])
    drops.save()


def _find_devices(device_ids: Iterable[str]) -> list[tuple[Device, datetime]]:
    """Return the devices, each with the database's time."""
    rows: Any = Device.objects.filter(device_id__in=list(device_ids)).annotate(now=Now())
    return [(device, device.now) for device in rows.only("device_id", "assignment_id")]


def _clean_sample(text: str) -> str:
    """Return it short, and with what can't be seen, or kept, replaced."""
    short = text[:MOST_LENGTH]
    return short if short.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in short)
