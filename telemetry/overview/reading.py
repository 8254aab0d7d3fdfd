"""A group's page: what is there, what needs attention, who is lowest and highest, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from devices.attention import reading as attention
from devices.inventory import group_tree
from devices.models import Attention, Attribute, Device
from telemetry.overview import extremes, look
from telemetry.overview import places as where
from tenants.models import Group
from tenants.tree import ancestry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.inventory.group_tree import Node
    from tenants.models import User

NAMED = 20  # of those that need attention, by cause
COUNTED = 1_000
STATUSES = [status for status in Device.Status if status != Device.Status.RETIRED]


@dataclass(frozen=True)
class State:
    """Hold how many of the devices looked at have a status; where not all were, there are at least so many."""

    status: str
    label: str
    count: int


@dataclass(frozen=True)
class Needing:
    """Tell of devices that need attention for a kind of cause: `count` things, COUNTED of them at most, then `more`;
    the first that began are named."""

    count: int
    more: bool
    named: list[tuple[Device, attention.Shown]]

    @property
    def others(self) -> int:
        return self.count - len(self.named)


@dataclass(frozen=True)
class Overview:
    group: Group
    path: list[Group]  # above it, as far as the user sees
    node: Node  # with how many devices are below it, and below each group right below it
    seen: look.Look
    states: list[State]
    silent: Needing
    others: Needing  # out of range, or with a fault
    extremes: list[extremes.Extremes]
    places: list[where.Place]

    @cached_property
    def map(self) -> where.Map | None:
        """Return none where no device reported a position."""
        return where.draw_map(self.places)

    @property
    def looked_at(self) -> int:
        return len(self.seen.devices)


def build_overview(user: User, group: Group, *, skip: int = 0) -> Overview:
    """Return what the user sees of the group: a dozen queries, however many devices there are."""
    seen = look.look_at(user, group)
    declared = list(Attribute.objects.filter(version__in={device.version for device in seen.devices}))
    return Overview(
        group=group,
        path=list(Group.objects.visible_to(user).filter(path__in=ancestry(group.parent_path))),
        node=group_tree.fetch_children(user, group, skip=skip),
        seen=seen,
        states=_count_states(seen),
        silent=_find_needing(user, group, [Attention.Cause.SILENT]),
        others=_find_needing(user, group, [Attention.Cause.RANGE, Attention.Cause.FAULT]),
        extremes=extremes.find_extremes(seen.devices, declared),
        places=where.find_places(seen.devices, declared),
    )


def _count_states(seen: look.Look) -> list[State]:
    found = [device.status for device in seen.devices]
    return [State(status.value, str(status.label), found.count(status.value)) for status in STATUSES]


def _find_needing(user: User, group: Group, causes: Sequence[Attention.Cause]) -> Needing:
    """Return what is so now: one query, and two or three for the names. To sort all would be to read all, so of more
    than are counted some are named."""
    now = Attention.objects.visible_to(user).filter(organisation=user.organisation_id, cause__in=causes)
    within = now.filter(device__group__path__startswith=group.path).order_by()
    keys = list(within.values_list("since", "pk")[: COUNTED + 1])
    first = [pk for _, pk in sorted(keys)[:NAMED]]
    rows = list(
        Attention.objects.visible_to(user).filter(pk__in=first).select_related("device").order_by("since", "pk")
    )
    shown = attention.show(rows, {row.device_id: row.device for row in rows})
    return Needing(min(len(keys), COUNTED), len(keys) > COUNTED, [(each.row.device, each) for each in shown])
