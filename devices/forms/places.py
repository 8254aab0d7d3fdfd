"""The leaf groups into which somebody may put devices, as a form offers them: under the names of their parents."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from tenants.models import Group, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenants.models import User

Choice = tuple[int | str, str]


class Leaf(NamedTuple):
    above: str
    name: str
    pk: int


def leaves(user: User) -> list[Leaf]:
    """Where the user may place devices, each with the names above it as far as the user may see them."""
    groups = Group.objects.visible_to(user).values_list("path", "name", "pk", "numchild")
    rows = {path: (name, pk, numchild) for path, name, pk, numchild in groups}

    def above(path: str) -> str:
        steps = range(Group.steplen, len(path), Group.steplen)
        return " / ".join(rows[path[:step]][0] for step in steps if path[:step] in rows)

    found = [(path, name, pk) for path, (name, pk, numchild) in rows.items() if numchild == 0]
    return sorted(Leaf(above(path), name, pk) for path, name, pk in found if user.may(Role.TECHNICIAN, path))


def under_parents(found: list[Leaf]) -> Iterator[tuple[str, list[Choice]]]:
    """Option groups."""
    for title, rows in groupby(found, key=lambda leaf: leaf.above):
        yield title or "Groups", [(leaf.pk, leaf.name) for leaf in rows]
