"""Rights that end, for the rooms above that keep something by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tenants.models import User


class Settle(Protocol):
    """Settle what was kept by rights that have just ended, in the transaction that ended them: the `user`'s, or
    everybody's who had some by where the group was that now lies at `path`."""

    def __call__(self, *, by: User | None, user: User | None = None, path: str = "") -> None: ...


handed_in: list[Settle] = []
"""By config, once, as the site starts."""


def settle_lost(*, by: User | None, user: User | None = None, path: str = "") -> None:
    for settle in handed_in:
        settle(by=by, user=user, path=path)
