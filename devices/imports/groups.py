"""The group that a cell names: by its path, by a name that no other group has, or by its number, as in #12."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from lib.parsing import parse_whole_number
from tenants.models import Group

LISTED, LETTERS = 3, 200  # paths to choose from in a message, and their letters: one is told, however long
_SPACING = re.compile(r"\s*[/›]\s*|\s+")
_NUMBER = re.compile(r"#\s*(\d{1,18})")
HINT = "Write its path, as in “Customer / Region / Site”, or its number, as in #12."


class Known(NamedTuple):
    """Hold a group as people would write it: `path` is that of the tree, `words` the names from the organisation on."""

    pk: int
    path: str
    name: str
    words: str
    is_leaf: bool
    is_archived: bool


def find_groups(root: str) -> dict[int, Known]:
    """Return the groups of the organisation whose tree path that is, by id."""
    words: dict[str, str] = {}
    found = {}
    fields = ("pk", "path", "name", "numchild", "archived_at")
    for pk, path, name, children, archived_at in (
        Group.objects.filter(path__startswith=root).order_by("path").values_list(*fields)
    ):
        above = words.get(path[: -Group.steplen])
        words[path] = f"{above} / {name}" if above else name
        found[pk] = Known(pk, path, name, words[path], not children, archived_at is not None)
    return found


class GroupNames:
    """Find groups of one organisation by what people write."""

    def __init__(self, root: str) -> None:
        self._groups = find_groups(root)
        self._called: dict[str, set[int]] = {}
        for group in self._groups.values():
            whole = _fold(group.words)
            for called in {whole, whole.partition("/")[2], _fold(group.name)}:
                if called:
                    self._called.setdefault(called, set()).add(group.pk)
        self.find = lru_cache(4096)(self._find)

    def calls(self, text: str, group: int) -> bool:
        """Return whether the text names this group, whatever else it may mean."""
        return group in self._called.get(_fold(text), ()) or text.strip() == f"#{group}"

    def describe(self, group: int | None) -> str:
        """Return the names of a group and of those above it; "" for none."""
        return self._groups[group].words if group in self._groups else ""

    def _find(self, text: str) -> int | str:
        """Return the id of the group that is meant, or why none is."""
        called = set(self._called.get(_fold(text), ()))
        number = _NUMBER.fullmatch(text.strip())
        if number and int(number[1]) in self._groups:
            called.add(int(number[1]))
        meant = self._drop_ancestors([self._groups[pk] for pk in sorted(called)])
        if len(meant) == 1:
            return self._explain(meant[0]) or meant[0].pk
        if meant:
            return f"{len(meant)} groups are called that. Write which one: {_list(meant)}."
        if parse_whole_number(text.strip()) in self._groups:
            return f"No group has this name. If its number is meant, write #{text.strip()}."
        return f"No such group. {HINT}"

    def _drop_ancestors(self, called: list[Known]) -> list[Known]:
        """Return the groups without those that lie above the only one that may hold devices: they can't be meant."""
        leaves = [group for group in called if group.is_leaf]
        if len(leaves) == 1 and all(leaves[0].path.startswith(group.path) for group in called):
            return leaves
        return called

    def _explain(self, group: Known) -> str:
        if group.is_archived:
            return "This group is archived: nothing is placed in it any more. Restore it, or name another one."
        if group.is_leaf:
            return ""
        below = [other for other in self._groups.values() if _is_usable(other) and other.path.startswith(group.path)]
        return f"It has groups below it, and so can't hold devices. Name one of those: {_list(below)}."


def _is_usable(group: Known) -> bool:
    return group.is_leaf and not group.is_archived


def _list(groups: list[Known]) -> str:
    words = [f"“{group.words}” (#{group.pk})" for group in groups[:LISTED]]
    while len(words) > 1 and sum(map(len, words)) > LETTERS:
        words.pop()
    shown, more = ", ".join(words), len(groups) - len(words)
    return f"{shown} and {more:,} more" if more else shown or "there is none"


def _fold(text: str) -> str:
    return _SPACING.sub(lambda match: "/" if match[0].strip() else " ", text.strip()).casefold()
