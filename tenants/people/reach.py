"""Rights that end, for the rooms above that keep something by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tenants.models import Group, User


class Settle(Protocol):
    """Settle what was kept by rights that have just ended, in the transaction that ended them: the `user`'s, or
    everybody's who had some by where the group was that now lies at `path`."""

    def __call__(self, *, by: User | None, user: User | None = None, path: str = "") -> None: ...


class Foresight(NamedTuple):
    """Tell how much would be settled so, before a right is taken away."""

    after_move: Callable[[Group, Group], int]
    """Takes a group and below which one it is to hang."""
    after_loss: Callable[[User, Sequence[Collection[str]]], list[int]]
    """Takes a user, and the paths of groups in which they are to have no role any more, for each case."""


handed_in: list[Settle] = []
foresights: list[Foresight] = []
"""Both by config, once, as the site starts."""


def settle_lost(*, by: User | None, user: User | None = None, path: str = "") -> None:
    for settle in handed_in:
        settle(by=by, user=user, path=path)


def foresee_move(group: Group, to: Group) -> int:
    """Return how many devices that are somebody's would go back to their groups, were the group moved."""
    return sum(each.after_move(group, to) for each in foresights)


def foresee_loss(user: User, cases: Sequence[Collection[str]]) -> list[int]:
    """Return for each case how many devices of the user would, had they no role in the groups of these paths."""
    return [sum(counts) for counts in zip(*(each.after_loss(user, cases) for each in foresights), strict=True)]
