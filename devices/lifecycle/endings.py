"""What ends, for good, when devices leave where they are: told before it is done, in the words of the previews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from devices.models import Credential, Tie

if TYPE_CHECKING:
    from devices.models import DeviceQuerySet


def count_ending(devices: DeviceQuerySet) -> int:
    """Return how many of the devices have credentials that were issued where they are."""
    issued = Credential.objects.standing().filter(device=OuterRef("pk"), assignment__isnull=False)
    return devices.filter(Exists(issued)).order_by().count()


def tell_ending(devices: DeviceQuerySet) -> list[str]:
    """Say how many of the devices have credentials that would end."""
    if not (ending := count_ending(devices)):
        return []
    have = "1 of them has" if ending == 1 else f"{ending:,} of them have"
    return [
        f"{have} credentials that were issued in its group. They end, also if it is undone: a device that uses one is "
        "cut off until it gets another. The factory's stay."
    ]


def tell_ties(devices: DeviceQuerySet) -> list[str]:
    """Say how many ties between gateways and devices would end."""
    leaving = devices.order_by().values("pk")
    ending = Tie.objects.standing().filter(Q(device__in=leaving) | Q(gateway__in=leaving)).count()
    if not ending:
        return []
    ties = "1 tie to a gateway ends" if ending == 1 else f"{ending:,} ties to gateways end"
    return [f"{ties}, also if it is undone: who was spoken for is silent until tied again."]
