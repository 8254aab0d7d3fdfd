"""What doors refused: counted a row for each door and reason, and at the device that it was about, if one is known."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from devices.connections.refused_attempts import Counted, record_attempts
from devices.models import Device
from lib.late_counts import LateCounts
from provisioning.models import Door, DoorRefusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lib.refusals import Kind, Refusal

SAMPLE = 40  # characters of what was claimed


class Refused(NamedTuple):
    """Hold what a door refused, by primary keys of the door, and of the device and its assignment."""

    door: int
    via: str  # the door's kind
    kind: Kind
    facts: Mapping[str, Any]
    sample: str
    device: int | None
    assignment: int | None


def note_refusal(refusal: Refusal, *, door: Door, identity: str = "", device: Device | None = None) -> None:
    """Put it down: at once, and without the database."""
    place = (device.pk, device.assignment_id) if device else (None, None)
    sample = "".join(character for character in identity[:SAMPLE] if character.isprintable())
    refused = Refused(door.pk, door.kind, refusal.kind, refusal.facts, sample, *place)
    refused_attempts.note((door.pk, refusal.code, place[0]), lambda: refused)


def count_refusals(refused: Iterable[tuple[Refused, int]]) -> None:
    """Count them at their doors, and at the devices that they are about."""
    refused = list(refused)
    at_doors: dict[tuple[int, str], tuple[Refused, int]] = {}
    for each, times in refused:
        before = at_doors.get((each.door, each.kind.code), (each, 0))[1]
        at_doors[each.door, each.kind.code] = each, before + times
    for _, (each, times) in sorted(at_doors.items()):  # in one order: two processes wait for no circle
        _count_at_door(each, times)
    at_devices: defaultdict[tuple[int, str], int] = defaultdict(int)
    last = {}
    for each, times in refused:
        if each.device is not None:
            at_devices[each.device, each.kind.code] += times
            last[each.device, each.kind.code] = each
    record_attempts(
        [
            Counted(
                device,
                last[device, code].assignment,
                last[device, code].via,
                last[device, code].kind,
                last[device, code].facts,
                times,
            )
            for (device, code), times in at_devices.items()
        ]
    )


def _count_at_door(refused: Refused, times: int) -> None:
    row = {"door_id": refused.door, "reason": refused.kind.code}
    told = {"facts": dict(refused.facts), "sample": refused.sample}
    with transaction.atomic():
        if Door.objects.filter(pk=refused.door).exists():
            DoorRefusal.objects.bulk_create([DoorRefusal(**row, count=0)], ignore_conflicts=True)
            DoorRefusal.objects.filter(**row).update(count=F("count") + times, last_at=Now(), **told)


def make_counts() -> LateCounts[Refused]:
    return LateCounts(count_refusals, of="refusals of doors")


refused_attempts = make_counts()
