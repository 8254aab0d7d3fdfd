"""A group's page: what is there, what needs attention, who is lowest and highest, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from devices.access import sees
from devices.attention import reading as attention
from devices.inventory import group_tree
from devices.models import Attention, Attribute, Device
from telemetry.overview import extremes, look
from telemetry.overview import places as where
from tenants.models import Group
from tenants.tree import ancestry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from devices.inventory.group_tree import Node
    from tenants.models import User

NAMED = 20  # of those that need attention, by cause
READ = 1_000  # things that need attention, of the organisation, where the group has too many devices
STATUSES = [status for status in Device.Status if status != Device.Status.RETIRED]


@dataclass(frozen=True)
class State:
    """Hold how many of the devices looked at have a status; where not all were, there are at least so many."""

    status: str
    label: str
    count: int


class Found(NamedTuple):
    since: datetime
    pk: int
    device: int
    path: str
    cause: str


@dataclass(frozen=True)
class Needing:
    """Tell of what needs attention for a kind of cause: `count` things; there may be `more`. The first that began are
    named."""

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
    found, more = _find_needing(user, group, seen)
    node = group_tree.fetch_children(user, group, skip=skip, needing=False)
    _mark_below(node, found)
    declared = list(Attribute.objects.filter(version__in={device.version for device in seen.devices}))
    return Overview(
        group=group,
        path=list(Group.objects.visible_to(user).filter(path__in=ancestry(group.parent_path))),
        node=node,
        seen=seen,
        states=_count_states(seen),
        silent=_name(found, [Attention.Cause.SILENT], more=more),
        others=_name(found, [Attention.Cause.RANGE, Attention.Cause.FAULT], more=more),
        extremes=extremes.find_extremes(seen.devices, declared),
        places=where.find_places(seen.devices, declared),
    )


def _count_states(seen: look.Look) -> list[State]:
    found = [device.status for device in seen.devices]
    return [State(status.value, str(status.label), found.count(status.value)) for status in STATUSES]


def _find_needing(user: User, group: Group, seen: look.Look) -> tuple[list[Found], bool]:
    """Return what is so now in the group, and whether there may be more. Where all devices were looked at it is
    theirs; else what lies in the group of the first READ things that need attention in the whole organisation: few do
    of many, and where a whole fleet fell silent, to find those of one group would be to read all. Two plain queries:
    asked together with who sees what, the database may read the fleet."""
    standing = Attention.objects.filter(organisation=user.organisation_id, ended_at=None).order_by()
    if seen.complete:
        standing = standing.filter(device__in=[device.pk for device in seen.devices])
    rows = list(standing.values_list("since", "pk", "device_id", "cause", "assignment_id")[: READ + 1])
    more, rows = len(rows) > READ, rows[:READ]
    standing_of = Device.objects.filter(pk__in={device for _, _, device, _, _ in rows}, retired_at=None, locked_at=None)
    known = {
        (device.pk, device.assignment_id): device.group.path
        for device in standing_of.select_related("group").order_by()
        if device.group and device.group.path.startswith(group.path) and sees(user, device)
    }
    found = [
        Found(since, pk, device, known[device, assignment], cause)
        for since, pk, device, cause, assignment in rows
        if (device, assignment) in known
    ]
    return sorted(found), more


def _name(found: Sequence[Found], causes: Sequence[Attention.Cause], *, more: bool) -> Needing:
    """Return those of some causes, and of the first the words: two or three queries."""
    theirs = [each.pk for each in found if each.cause in causes]
    rows = list(
        Attention.objects.filter(pk__in=theirs[:NAMED]).select_related("device").order_by("since", "pk")
        if theirs
        else ()
    )
    shown = attention.show(rows, {row.device_id: row.device for row in rows})
    return Needing(len(theirs), more, [(each.row.device, each) for each in shown])


def _mark_below(node: Node, found: Sequence[Found]) -> None:
    """Count the devices that need attention, here and below each group right below."""
    for each in (node, *node.children):
        each.needing = len({row.device for row in found if row.path.startswith(each.group.path)})
