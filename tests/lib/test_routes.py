"""An address is looked up once for a request, and what is remembered of addresses is bounded."""

from __future__ import annotations

from lib import routes
from lib.routes import find_match


def test_the_same_address_is_looked_up_once() -> None:
    first = find_match("/devices/AB-1/stream/")
    assert first is not None
    assert first.view_name == "telemetry:stream"
    assert first.kwargs == {"serial": "AB-1"}
    assert find_match("/devices/AB-1/stream/") is first
    other = find_match("/devices/AB-2/stream/")
    assert other is not None
    assert other.kwargs == {"serial": "AB-2"}


def test_what_is_nowhere_has_none() -> None:
    assert find_match("/nowhere/at/all") is None


def test_long_addresses_are_not_remembered() -> None:
    routes._remember.cache_clear()
    assert find_match(f"/devices/{'A' * routes.LONGEST}/") is not None
    assert routes._remember.cache_info().currsize == 0
    for n in range(2 * routes.MOST):
        find_match(f"/nowhere/{n}")
    assert routes._remember.cache_info().currsize == routes.MOST
