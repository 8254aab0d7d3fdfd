"""What moving a group would change, told before it is done."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db.models import Max, Sum

from lib.refusals import Refusal
from tenants import refusals
from tenants.models import Group, Membership, Role
from tenants.people import reach
from tenants.tree import ancestry, devices_below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.models import GroupQuerySet, User


DEEPEST = Group._meta.get_field("path").max_length // Group.steplen  # groups from a root down, itself counted


@dataclass(frozen=True)
class Shift:
    """Hold a person whose role in the group changes by the move."""

    user: User
    before: Role | None
    after: Role | None

    @property
    def loses(self) -> bool:
        return (self.after or 0) < (self.before or 0)


@dataclass(frozen=True)
class Preview:
    group: Group
    to: Group
    groups: int
    devices: int
    shifts: list[Shift]
    returning: int  # devices that are somebody's, and would go back to their groups

    @property
    def losing(self) -> list[Shift]:
        return [shift for shift in self.shifts if shift.loses]

    @property
    def gaining(self) -> list[Shift]:
        return [shift for shift in self.shifts if not shift.loses]

    @property
    def losing_roles(self) -> list[tuple[str, int]]:
        return _count_by_role(shift.before for shift in self.losing)

    @property
    def gaining_roles(self) -> list[tuple[str, int]]:
        return _count_by_role(shift.after for shift in self.gaining)

    @property
    def digest(self) -> str:
        """Hash the tree and the people, not devices: those come and go without changing what the move means."""
        people = [(shift.user.pk, shift.before, shift.after) for shift in self.shifts]
        facts = [self.group.pk, self.group.path, self.to.pk, self.to.path, self.groups, people]
        return sha256(json.dumps(facts).encode()).hexdigest()


def find_targets(user: User, group: Group, text: str = "") -> GroupQuerySet:
    """Return where the user may move the group: what holds no devices, is not below it, and is not where it is."""
    parents = find_parents(user, text).exclude(path__startswith=group.path).exclude(path=group.parent_path)
    targets: GroupQuerySet = parents.filter(path__startswith=group.root_path, depth__lte=DEEPEST - count_levels(group))
    return targets


def find_parents(user: User, text: str = "") -> GroupQuerySet:
    """Return the groups that the user manages and that can have groups below them, in the order of the tree."""
    sums = Group.objects.filter(device_count__isnull=False).order_by().annotate(held=Sum("device_count__devices"))
    manageable = Group.objects.manageable_by(user).filter(archived_at=None, depth__lt=DEEPEST)
    groups: GroupQuerySet = manageable.exclude(pk__in=sums.exclude(held=0).values("pk"))
    return groups.filter(name__icontains=text) if text else groups


def preview_move(group: Group, to: Group) -> Preview:
    """Compute what the move would change, in a few queries, however large the group is."""
    below = Group.objects.filter(path__startswith=group.path)
    devices = devices_below([group]).get(group.path, 0)
    return Preview(group, to, below.count(), devices, _find_shifts(group, to), reach.foresee_move(group, to))


def explain_refusal(group: Group, to: Group) -> Refusal | None:
    """Return why the move can't be; None if it can."""
    if group.is_root() or group.root_path != to.root_path:
        return Refusal(refusals.OTHER_ORGANISATION)
    if to.path.startswith(group.path):
        return Refusal(refusals.BELOW_ITSELF)
    if (deep := to.depth + count_levels(group)) > DEEPEST:
        return Refusal(refusals.NESTED_TOO_DEEP, deep=deep, most=DEEPEST)
    return explain_unfit(to)


def count_levels(group: Group) -> int:
    """Return how many levels the group and what is below it take: 1 for a leaf."""
    below = Group.objects.filter(path__startswith=group.path).aggregate(deepest=Max("depth"))
    levels: int = below["deepest"] - group.depth + 1
    return levels


def explain_unfit(group: Group) -> Refusal | None:
    """Return why nothing can be put below this group; None if something can."""
    if group.archived_at:
        return Refusal(refusals.GROUP_ARCHIVED, group=group)
    if group.depth >= DEEPEST:
        return Refusal(refusals.NESTED_TOO_DEEP, deep=group.depth + 1, most=DEEPEST)
    if holds_devices(group):
        return Refusal(refusals.PARENT_HOLDS_DEVICES, group=group)
    return None


def holds_devices(group: Group) -> bool:
    """Decide whether devices of the room above are in it: those that are retired leave it free."""
    return bool(group.devices.filter(retired_at=None).exists())


def _find_shifts(group: Group, to: Group) -> list[Shift]:
    own = {group.path}
    before, after = set(ancestry(group.path)), {*ancestry(to.path), *own}
    rows = Membership.objects.filter(group__path__in=before | after, user__is_active=True).select_related(
        "user", "group"
    )
    people: dict[int, tuple[User, list[Membership]]] = {}
    for row in rows.order_by("user__email"):
        people.setdefault(row.user_id, (row.user, []))[1].append(row)
    shifts = [
        Shift(user, _find_highest_role(memberships, before), _find_highest_role(memberships, after))
        for user, memberships in people.values()
    ]
    return [shift for shift in shifts if shift.before != shift.after]


def _find_highest_role(memberships: Iterable[Membership], paths: set[str]) -> Role | None:
    roles = [row.role for row in memberships if row.group.path in paths]
    return Role(max(roles)) if roles else None


def _count_by_role(roles: Iterable[Role | None]) -> list[tuple[str, int]]:
    counted = Counter(role for role in roles if role)
    return [(role.label, counted[role]) for role in sorted(counted, reverse=True)]
