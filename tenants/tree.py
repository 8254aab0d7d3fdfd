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
    """A group with what lies in its subtree."""

    group: Group
    devices: int = 0
    trail: str = ""


@dataclass
class Page:
    """Children of one group; `following` is where the next page begins, none if there is none."""

    rows: list[Row]
    following: int | None = None
    rest: int = 0
    devices: int = 0  # of the parent, with all below it


def opening(user: User) -> tuple[list[Row], Page | None]:
    """Where what the user manages begins; of a single group its children too."""
    found = list(Group.objects.manageable_by(user).filter(path__in=topmost(user.reach(Role.ADMIN))))
    if len(found) != 1:
        return _rows(found, {}), None
    first = children(user, found[0])
    return [Row(found[0], first.devices)], first


def children(user: User, parent: Group, *, skip: int = 0) -> Page:
    scope = Group.objects.manageable_by(user).filter(path__startswith=parent.path, depth=parent.depth + 1)
    found = list(scope.order_by(F("archived_at").asc(nulls_first=True), Lower("name"), "pk")[skip : skip + SHOWN])
    rest = max(parent.numchild - skip - SHOWN, 0)
    counts = devices_below([parent, *found])
    rows = [Row(group, counts.get(group.path, 0)) for group in found]
    return Page(rows, skip + SHOWN if rest else None, rest, counts.get(parent.path, 0))


def search(user: User, text: str) -> list[Row]:
    """The groups whose name contains the text, as many as are shown at once, with one more if there are more."""
    found = Group.objects.manageable_by(user).filter(name__icontains=text).order_by(Lower("name"), "pk")
    rows = list(found[: SHOWN + 1])
    return _rows(rows, trails(user, rows))


def trails(user: User, groups: Iterable[Group], role: Role = Role.ADMIN) -> dict[str, str]:
    """Path of each group -> the names above it, as far as the user has the role there."""
    above = {group.path: ancestry(group.parent_path) for group in groups}
    wanted = {path for paths in above.values() for path in paths}
    names = dict(Group.objects.visible_to(user, role).filter(path__in=wanted).values_list("path", "name"))
    return {path: " › ".join(names[step] for step in steps if step in names) for path, steps in above.items()}


def lineage(user: User, group: Group) -> GroupQuerySet:
    """The groups above, from the top, as far as the user manages them."""
    lying: GroupQuerySet = Group.objects.manageable_by(user).filter(path__in=ancestry(group.parent_path))
    return lying


def topmost(paths: Iterable[str]) -> list[str]:
    """Without those that lie below another."""
    kept: list[str] = []
    for path in sorted(paths):
        if not kept or not path.startswith(kept[-1]):
            kept.append(path)
    return kept


def ancestry(path: str) -> list[str]:
    """The paths from the root down to this one."""
    return [path[:end] for end in range(Group.steplen, len(path) + 1, Group.steplen)]


def devices_below(groups: Sequence[Group]) -> dict[str, int]:
    """Path of each group -> devices in its subtree, in one query however many they are and wherever they lie.

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
    below = Group.objects.filter(_around(paths), tally__devices__gt=0).order_by().alias(**tops)
    sums = below.values_list(Case(*nearest, output_field=CharField())).annotate(number=Sum("tally__devices"))
    counts: Counter[str] = Counter()
    for path, number in sums:
        for above in paths.intersection(ancestry(path or "")):
            counts[above] += number
    return counts


def _around(paths: set[str]) -> Q:
    """A few subtrees with all of these in them, so that the database need not look at others."""
    while len(near := topmost(paths)) > NEAR:
        paths = {path[: -Group.steplen] or path for path in paths if len(path) > Group.steplen}
    return under(near)


def _rows(groups: list[Group], above: dict[str, str]) -> list[Row]:
    counts = devices_below(groups)
    return [Row(group, counts.get(group.path, 0), above.get(group.path, "")) for group in groups]
