"""What is made while it is sent, step by step, to readers who may be slow or leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def give_back() -> None:
    """This thread's connection, to the pool where there is one; not in the midst of a transaction."""
    if not connection.in_atomic_block:
        close_old_connections()


async def step(make: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In the request's thread; until the next step its connection to the database is for others. So a step leaves no
    cursor open."""

    def one() -> R:
        try:
            return make(*args, **kwargs)
        finally:
            give_back()

    return await sync_to_async(one)()
