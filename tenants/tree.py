"""The part of the tree that a user manages, a page of children at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F, Sum
from django.db.models.functions import Length, Lower, Substr

from tenants.models import Group, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenants.models import GroupQuerySet, User

SHOWN = 100  # children of one group, or groups found, at a time


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


def tops(user: User) -> list[Row]:
    """Where what the user manages begins."""
    paths = topmost(user.reach(Role.ADMIN))
    return _rows(list(Group.objects.manageable_by(user).filter(path__in=paths)))


def children(user: User, parent: Group, *, skip: int = 0) -> Page:
    scope = Group.objects.manageable_by(user).filter(path__startswith=parent.path, depth=parent.depth + 1)
    found = list(scope.order_by(F("archived_at").asc(nulls_first=True), Lower("name"), "pk")[skip : skip + SHOWN])
    rest = max(parent.numchild - skip - SHOWN, 0)
    return Page(_rows(found), skip + SHOWN if rest else None, rest)


def search(user: User, text: str) -> list[Row]:
    """The groups whose name contains the text, as many as are shown at once, with one more if there are more."""
    found = Group.objects.manageable_by(user).filter(name__icontains=text).order_by(Lower("name"), "pk")
    return named(user, list(found[: SHOWN + 1]))


def named(user: User, groups: list[Group]) -> list[Row]:
    """With the names above them."""
    return _rows(groups, trails(user, groups))


def trails(user: User, groups: Iterable[Group]) -> dict[str, str]:
    """Path of each group -> the names above it, as far as the user manages them."""
    above = {group.path: ancestry(group.parent_path) for group in groups}
    wanted = {path for paths in above.values() for path in paths}
    names = dict(Group.objects.manageable_by(user).filter(path__in=wanted).values_list("path", "name"))
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
    """Path of each group -> devices in its subtree, in one query for each length of path."""
    counts: dict[str, int] = {}
    for length in {len(group.path) for group in groups}:
        paths = [group.path for group in groups if len(group.path) == length]
        below = Group.objects.alias(size=Length("path")).filter(size__gte=length, tally__devices__gt=0).order_by()
        tops = below.annotate(top=Substr("path", 1, length)).filter(top__in=paths)
        counts |= dict(tops.values_list("top").annotate(number=Sum("tally__devices")))
    return counts


def _rows(groups: list[Group], above: dict[str, str] | None = None) -> list[Row]:
    counts = devices_below(groups)
    return [Row(group, counts.get(group.path, 0), (above or {}).get(group.path, "")) for group in groups]
