"""Who connects, as far as it matters to the doors that hear devices over MQTT, and what these do for an interpreter."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import close_old_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from devices.models import Credential

T = TypeVar("T")

_threads = ThreadPoolExecutor(4, thread_name_prefix="interpreter")


class Caller(NamedTuple):
    """Hold where a connection comes from, and what it said in TLS, as the front tells it; empty where nobody does."""

    address: str = ""
    host: str = ""
    """The name that it asked for."""
    certificate: bytes = b""
    """The client's, as DER."""
    is_proved: bool = False
    """Whether who tells of the certificate is trusted to have seen the proof of its key."""


class Doors(NamedTuple):
    """Hold what the doors do, handed down by config. Each may query, and raises Refusal, counted at its door."""

    activate: Callable[[str, Caller], str]
    """Takes an identity, and returns the device's token."""
    provision: Callable[[Mapping[str, Any], Caller], str]
    """Takes ThingsBoard's request, and returns the device's token."""
    certify: Callable[[Caller, Collection[str]], Credential]
    """Takes the names that it says of itself, and returns the credential that its certificate is, with its device."""


async def ask(call: Callable[[], T]) -> T:
    """Return what a call gives that may query the database. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _call_fresh, call)


def _call_fresh(call: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()
