"""The part of the tree that a user manages, a page of children at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Case, CharField, F, Sum, When
from django.db.models.functions import Lower, Substr

from tenants.models import Group, Role, under

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Q

    from tenants.models import GroupQuerySet, User

SHOWN = 100  # children of one group, or groups found, at a time
NEAR = 8  # subtrees to look in


@dataclass
class Row:
    """Hold a group with what lies in its subtree."""

    group: Group
    devices: int = 0
    trail: str = ""


@dataclass
class Branch:
    """Hold some children of one group; `following` is where the next page begins, none if there is none."""

    rows: list[Row]
    following: int | None = None
    rest: int = 0
    devices: int = 0  # of the parent, with all below it


def open_tree(user: User) -> tuple[list[Row], Branch | None]:
    """Return where what the user manages begins; of a single group its children too."""
    tops = list(Group.objects.manageable_by(user).filter(path__in=topmost(user.reach(Role.ADMIN))))
    if len(tops) != 1:
        return _count_rows(tops, {}), None
    first = list_children(user, tops[0])
    return [Row(tops[0], first.devices)], first


def list_children(user: User, parent: Group, *, skip: int = 0) -> Branch:
    scope = Group.objects.manageable_by(user).filter(path__startswith=parent.path, depth=parent.depth + 1)
    groups = list(scope.order_by(F("archived_at").asc(nulls_first=True), Lower("name"), "pk")[skip : skip + SHOWN])
    rest = max(parent.numchild - skip - SHOWN, 0)
    counts = devices_below([parent, *groups])
    rows = [Row(group, counts.get(group.path, 0)) for group in groups]
    return Branch(rows, skip + SHOWN if rest else None, rest, counts.get(parent.path, 0))


def search_groups(user: User, text: str) -> list[Row]:
    """Return the groups whose name contains the text, as many as are shown at once, with one more if there are more."""
    matches = Group.objects.manageable_by(user).filter(name__icontains=text).order_by(Lower("name"), "pk")
    rows = list(matches[: SHOWN + 1])
    return _count_rows(rows, trails(user, rows))


def trails(user: User, groups: Iterable[Group], role: Role = Role.ADMIN) -> dict[str, str]:
    """Map the path of each group to the names above it, as far as the user has the role there."""
    above = {group.path: ancestry(group.parent_path) for group in groups}
    paths_above = {path for paths in above.values() for path in paths}
    names = dict(Group.objects.visible_to(user, role).filter(path__in=paths_above).values_list("path", "name"))
    return {path: " › ".join(names[step] for step in steps if step in names) for path, steps in above.items()}


def lineage(user: User, group: Group) -> GroupQuerySet:
    """Return the groups above, from the top, as far as the user manages them."""
    ancestors: GroupQuerySet = Group.objects.manageable_by(user).filter(path__in=ancestry(group.parent_path))
    return ancestors


def topmost(paths: Iterable[str]) -> list[str]:
    """Return the paths without those that lie below another."""
    tops: list[str] = []
    for path in sorted(paths):
        if not tops or not path.startswith(tops[-1]):
            tops.append(path)
    return tops


def ancestry(path: str) -> list[str]:
    """Return the paths from the root down to this one."""
    return [path[:end] for end in range(Group.steplen, len(path) + 1, Group.steplen)]


def devices_below(groups: Sequence[Group]) -> dict[str, int]:
    """Map the path of each group to the devices in its subtree, in one query, however many and wherever they are.

    Every leaf counts for the deepest of these groups that it lies below; the few sums are added up along their paths.
    """
    paths = {group.path for group in groups}
    lengths = sorted({len(path) for path in paths}, reverse=True)
    if not lengths:
        return {}
    tops = {f"top{length}": Substr("path", 1, length) for length in lengths}
    nearest = [
        When(**{f"top{length}__in": [path for path in paths if len(path) == length]}, then=F(f"top{length}"))
        for length in lengths
    ]
    below = Group.objects.filter(_cover_subtrees(paths), device_count__isnull=False).order_by().alias(**tops)
    sums = below.values_list(Case(*nearest, output_field=CharField())).annotate(number=Sum("device_count__devices"))
    counts: Counter[str] = Counter()
    for path, number in sums:
        for above in paths.intersection(ancestry(path or "")):
            counts[above] += number
    return counts


def _cover_subtrees(paths: set[str]) -> Q:
    """Match a few subtrees with all of these in them, so that the database need not look at others."""
    while len(near := topmost(paths)) > NEAR:
        paths = {path[: -Group.steplen] or path for path in paths if len(path) > Group.steplen}
    return under(near)


def _count_rows(groups: list[Group], above: dict[str, str]) -> list[Row]:
    counts = devices_below(groups)
    return [Row(group, counts.get(group.path, 0), above.get(group.path, "")) for group in groups]
