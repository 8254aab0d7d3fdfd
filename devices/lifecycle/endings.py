"""What ends, for good, when devices leave where they are: told before it is done, in the words of the previews."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q

from devices.models import Credential, Tie

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import DeviceQuerySet


def count_ending(devices: DeviceQuerySet) -> int:
    """Return how many of the devices have credentials that were issued where they are."""
    issued = Credential.objects.standing().filter(device=OuterRef("pk"), assignment__isnull=False)
    return devices.filter(Exists(issued)).order_by().count()


def tell_ending(devices: DeviceQuerySet) -> list[str]:
    """Say how many of the devices have credentials that would end."""
    ending = count_ending(devices)
    return [describe_ending(ending)] if ending else []


def describe_ending(devices: int) -> str:
    """Say that so many devices have credentials that would end."""
    one = "One of them has credentials that were issued in its group. They end"
    several = f"{devices:,} of them have credentials that were issued in their groups. They end"
    return (
        f"{one if devices == 1 else several}, also if it is undone: a device that uses one is cut off until it gets "
        "another. The factory's stay."
    )


def list_endings(devices: DeviceQuerySet) -> dict[int, list[str]]:
    """Return, in words, what would end of each of the devices of which anything would."""
    found: dict[int, list[str]] = {}
    leaving = devices.order_by().values("pk")
    issued = Credential.objects.standing().filter(device__in=leaving, assignment__isnull=False)
    for device, number in _count(issued.values_list("device", flat=True)):
        found.setdefault(device, []).append("Its credential ends." if number == 1 else "Its credentials end.")
    standing = Tie.objects.standing()
    gateways = standing.filter(device__in=leaving).values_list("device", flat=True)
    for device, number in _count(gateways):
        words = "Its tie to a gateway ends." if number == 1 else f"Its {number:,} ties to gateways end."
        found.setdefault(device, []).append(words)
    for gateway, number in _count(standing.filter(gateway__in=leaving).values_list("gateway", flat=True)):
        words = "Its tie to a device ends." if number == 1 else f"Its {number:,} ties to devices end."
        found.setdefault(gateway, []).append(words)
    return found


def _count(devices: Iterable[Any]) -> list[tuple[int, int]]:
    return sorted(Counter[int](devices).items())


def tell_ties(devices: DeviceQuerySet) -> list[str]:
    """Say how many ties between gateways and devices would end."""
    leaving = devices.order_by().values("pk")
    ending = Tie.objects.standing().filter(Q(device__in=leaving) | Q(gateway__in=leaving)).count()
    if not ending:
        return []
    ties = "1 tie to a gateway ends" if ending == 1 else f"{ending:,} ties to gateways end"
    return [f"{ties}, also if it is undone: who was spoken for is silent until tied again."]
