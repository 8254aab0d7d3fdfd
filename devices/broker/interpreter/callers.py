"""Who connects, as far as it matters to the doors that hear devices over MQTT, and what these do for an interpreter."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import close_old_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_threads = ThreadPoolExecutor(4, thread_name_prefix="interpreter")


class Caller(NamedTuple):
    """Hold where a connection comes from, and the host name that it asked for in TLS; empty where nobody says so."""

    address: str = ""
    host: str = ""


class Doors(NamedTuple):
    """Hold what the doors do, handed down by config. Each may query, and raises Refusal, counted at its door."""

    activate: Callable[[str, Caller], str]
    """Takes an identity, and returns the device's token."""
    provision: Callable[[Mapping[str, Any], Caller], str]
    """Takes ThingsBoard's request, and returns the device's token."""


async def ask(call: Callable[[], T]) -> T:
    """Return what a call gives that may query the database. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _call_fresh, call)


def _call_fresh(call: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()
