"""What moving a group would change, told before it is done."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db.models import Max, Q

from tenants.models import Group, Membership, Role
from tenants.tree import ancestry, devices_below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.models import GroupQuerySet, User


DEEPEST = Group._meta.get_field("path").max_length // Group.steplen  # groups from a root down, itself counted


@dataclass(frozen=True)
class Shift:
    """A person whose role in the group changes by the move."""

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

    @property
    def losing(self) -> list[Shift]:
        return [shift for shift in self.shifts if shift.loses]

    @property
    def gaining(self) -> list[Shift]:
        return [shift for shift in self.shifts if not shift.loses]

    @property
    def losing_roles(self) -> list[tuple[str, int]]:
        return _by_role(shift.before for shift in self.losing)

    @property
    def gaining_roles(self) -> list[tuple[str, int]]:
        return _by_role(shift.after for shift in self.gaining)

    @property
    def digest(self) -> str:
        """Of the tree and the people, not of devices: those come and go without changing what the move means."""
        people = [(shift.user.pk, shift.before, shift.after) for shift in self.shifts]
        facts = [self.group.pk, self.group.path, self.to.pk, self.to.path, self.groups, people]
        return sha256(json.dumps(facts).encode()).hexdigest()


def targets(user: User, group: Group, text: str = "") -> GroupQuerySet:
    """Where the user may move the group: what holds no devices, is not below it, and is not where it is."""
    fit = parents(user, text).exclude(path__startswith=group.path).exclude(path=group.parent_path)
    lying: GroupQuerySet = fit.filter(path__startswith=group.root_path, depth__lte=DEEPEST - height(group))
    return lying


def parents(user: User, text: str = "") -> GroupQuerySet:
    """The groups that the user manages and that can have groups below them, in the order of the tree."""
    empty = Q(tally=None) | Q(tally__devices=0)
    found: GroupQuerySet = Group.objects.manageable_by(user).filter(empty, archived_at=None, depth__lt=DEEPEST)
    return found.filter(name__icontains=text) if text else found


def preview(group: Group, to: Group) -> Preview:
    """Three queries, however large the group is."""
    below = Group.objects.filter(path__startswith=group.path)
    devices = devices_below([group]).get(group.path, 0)
    return Preview(group, to, below.count(), devices, _shifts(group, to))


def refusal(group: Group, to: Group) -> str:
    """Why the move can't be, or nothing."""
    if group.is_root() or group.root_path != to.root_path:
        return "A group stays in its organisation."
    if to.path.startswith(group.path):
        return "A group can't move below itself."
    if (deep := to.depth + height(group)) > DEEPEST:
        return f"With what is below it, groups would be nested {deep} deep there; {DEEPEST} is the most."
    return unfit(to)


def height(group: Group) -> int:
    """Return how many levels the group and what is below it take: 1 for a leaf."""
    below = Group.objects.filter(path__startswith=group.path).aggregate(deepest=Max("depth"))
    levels: int = below["deepest"] - group.depth + 1
    return levels


def unfit(group: Group) -> str:
    """Why nothing can be put below this group, or nothing."""
    if group.archived_at:
        return f"{group} is archived. Take it out of the archive first."
    if group.depth >= DEEPEST:
        return f"Groups are nested {DEEPEST} deep here, which is the most. Put the new one higher up."
    if group.devices.exists():
        return f"{group} holds devices; only a group without devices can have groups below it."
    return ""


def _shifts(group: Group, to: Group) -> list[Shift]:
    own = {group.path}
    before, after = set(ancestry(group.path)), {*ancestry(to.path), *own}
    rows = Membership.objects.filter(group__path__in=before | after, user__is_active=True).select_related(
        "user", "group"
    )
    people: dict[int, tuple[User, list[Membership]]] = {}
    for row in rows.order_by("user__email"):
        people.setdefault(row.user_id, (row.user, []))[1].append(row)
    shifts = [Shift(user, _role(mine, before), _role(mine, after)) for user, mine in people.values()]
    return [shift for shift in shifts if shift.before != shift.after]


def _role(memberships: Iterable[Membership], paths: set[str]) -> Role | None:
    roles = [row.role for row in memberships if row.group.path in paths]
    return Role(max(roles)) if roles else None


def _by_role(roles: Iterable[Role | None]) -> list[tuple[str, int]]:
    counted = Counter(role for role in roles if role)
    return [(role.label, counted[role]) for role in sorted(counted, reverse=True)]
