"""The group tree beside the list: what the user may see of it, with the number of devices below each group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, CharField, Count, Q, Sum, Value, When
from django.db.models.functions import Substr

from devices.models import Attention, Device
from lib import columns
from lib.prepared import Whole, prepared, prepared_by_values
from tenants.models import Group, Role, under
from tenants.tree import ancestry, topmost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

    from tenants.models import User

SHOWN = 100  # children of one group at a time; the rest is fetched when asked for


@dataclass
class Node:
    group: Group
    count: int
    needing: int = 0  # of them need attention
    children: list[Node] = field(default_factory=list)
    current: bool = False
    open: bool = False
    more: int = 0  # how many children come after `children`
    following: int = SHOWN  # where those begin

    @property
    def lazy(self) -> bool:
        """Return whether it has children that are not fetched yet."""
        return bool(self.group.numchild) and not self.children


class Step(NamedTuple):
    """Tell of a tree written down: a node that begins or ends, or one with more children than are shown."""

    kind: str  # begin, end, more
    node: Node


def walk_steps(nodes: Iterable[Node], parent: Node | None = None) -> Iterator[Step]:
    """Yield what a template writes one after the other: one that includes itself ends at a depth of some 40 groups."""
    for node in nodes:
        yield Step("begin", node)
        yield from walk_steps(node.children, node)
        yield Step("end", node)
    if parent and parent.more:
        yield Step("more", parent)


def build_outline(user: User, current: Group | None = None, *, needing: bool = True) -> list[Node]:
    """Return the user's topmost groups, their children, and everything on the way to the current group; `needing`:
    with how many devices need attention."""
    tops = topmost(user.reach())
    opened = {path for path in ancestry(current.path) if _is_within(path, tops)} if current else set()
    opened |= set(tops) if len(tops) == 1 else set()
    groups = _select_shown(user, tuple(tops), tuple(_sort_deepest_first(opened)))
    nodes = _build_nodes(groups, _count_devices(user, tops, opened), current, opened)
    if needing:
        _add_needing(nodes, user, tops)
    return sorted((nodes[path] for path in tops if path in nodes), key=_by_name)


@prepared
def _select_shown(user: User, tops: tuple[str, ...], opened: tuple[str, ...]) -> QuerySet[Group]:
    wanted = Q(path__in=tops)
    for path in opened:
        wanted |= Q(path__startswith=path, depth=len(path) // Group.steplen + 1)
    shown: QuerySet[Group] = Group.objects.visible_to(user).filter(wanted, archived_at=None)
    return shown


def fetch_children(user: User, parent: Group, *, skip: int = 0, needing: bool = True) -> Node:
    """Return one group with a page of its children; `needing`: with how many devices need attention."""
    shown = Group.objects.visible_to(user).filter(archived_at=None)
    below = shown.filter(path__startswith=parent.path, depth=parent.depth + 1)
    nodes = _build_nodes(
        [parent, *below], _count_devices(user, [parent.path], {parent.path}), None, {parent.path}, skip
    )
    if needing:
        _add_needing(nodes, user, [parent.path])
    return nodes[parent.path]


def list_trails(user: User, groups: Iterable[Group]) -> dict[str, str]:
    """Return group's path -> the names above it, less what the user may not see and the organisation itself."""
    above = {group.path: ancestry(group.parent_path)[1:] for group in groups}
    paths = sorted({path for paths in above.values() for path in paths})
    names = dict(_select_names(user, Whole(columns.encode_texts(paths)))) if paths else {}
    return {path: " › ".join(names[step] for step in steps if step in names) for path, steps in above.items()}


@prepared
def _select_names(user: User, paths: Whole) -> QuerySet[Group, tuple[str, str]]:
    within = Group.objects.visible_to(user).filter(path__one_of=paths)
    names: QuerySet[Group, tuple[str, str]] = within.order_by().values_list("path", "name")
    return names


def _is_within(path: str, tops: Iterable[str]) -> bool:
    return any(path.startswith(top) for top in tops)


def _count_devices(user: User, tops: list[str], opened: set[str]) -> Counter[str]:
    """Count the devices in the subtree of each shown group, by its path.

    Every leaf counts for the topmost group above it that is shown without children: the database adds up those, and the
    few that come back are added up along their paths. Other people's devices are taken off, but for admins.
    """
    hides = not set(tops) <= set(user.reach(Role.ADMIN))
    counts: Counter[str] = Counter()
    for path, number in _select_counts(user, tuple(tops), tuple(_sort_deepest_first(opened)), hides):
        for above in ancestry(path):
            counts[above] += number
    return counts


@prepared_by_values
def _select_counts(
    user: User, tops: tuple[str, ...], opened: tuple[str, ...], hides: bool
) -> QuerySet[Group, tuple[str, int]]:
    leaves = Group.objects.visible_to(user).filter(under(tops), device_count__isnull=False).order_by()
    bucket = _choose_bucket("path", tops, opened)
    numbers: Any = leaves.values_list(bucket).annotate(number=Sum("device_count__devices"))
    if hides:
        hidden = Device.objects.hidden_from(user).filter(under(tops, "group__path"), retired_at=None).order_by()
        bucket = _choose_bucket("group__path", tops, opened)
        taken_off = hidden.values_list(bucket).annotate(number=0 - Count("pk"))
        numbers = numbers.union(taken_off, all=True)  # in the same question
    counted: QuerySet[Group, tuple[str, int]] = numbers
    return counted


def _choose_bucket(field: str, tops: Iterable[str], opened: Iterable[str]) -> Case:
    """Return the path of the shown group for which the row with this path counts, as a column; `opened` are the deepest
    first."""
    shown = [
        When(**{f"{field}__startswith": path}, then=Substr(field, 1, len(path) + Group.steplen)) for path in opened
    ]
    closed = [When(**{f"{field}__startswith": path}, then=Value(path)) for path in tops]
    return Case(*shown, *closed, output_field=CharField())


def _add_needing(nodes: dict[str, Node], user: User, tops: list[str]) -> None:
    """Count the devices below each node that need attention: few of many, so they are counted where they are."""
    for path, number in _select_needing(user, tuple(tops)):
        for above in ancestry(path):
            if above in nodes:
                nodes[above].needing += number


@prepared
def _select_needing(user: User, tops: tuple[str, ...]) -> QuerySet[Attention, tuple[str, int]]:
    now = Attention.objects.visible_to(user).filter(under(tops, "device__group__path"))
    return now.order_by().values_list("device__group__path").annotate(number=Count("device", distinct=True))


def _sort_deepest_first(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=lambda path: (-len(path), path))


def _build_nodes(
    groups: Iterable[Group], counts: Counter[str], current: Group | None, opened: set[str], skip: int = 0
) -> dict[str, Node]:
    nodes = {
        group.path: Node(group, counts[group.path], current=group == current, open=group.path in opened)
        for group in groups
    }
    for path, node in nodes.items():
        if parent := nodes.get(path[: -Group.steplen]):
            parent.children.append(node)
    for node in nodes.values():
        _cut(node, skip)
    return nodes


def _cut(node: Node, skip: int) -> None:
    """Leave a page of its children, and whichever leads to the current group."""
    ordered = sorted(node.children, key=_by_name)
    node.following = skip + SHOWN
    rest = ordered[node.following :]
    node.children = ordered[skip : node.following] + [child for child in rest if child.open or child.current]
    node.more = len(rest)


def _by_name(node: Node) -> tuple[str, int]:
    return node.group.name.casefold(), node.group.pk
