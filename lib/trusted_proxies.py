"""Whose word counts about where a request comes from, and what its TLS connection proved: nobody's but the proxy's.

Who the peer of a connection is no header says: the server itself sees it. docs/decisions/0038 says why that matters.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"
"""Stands in `TRUSTED_PROXIES` for whoever connects to the site's own socket, which its owner alone can open."""
BY_PROXY = "handover.by_trusted_proxy"
"""In the scope of a request (ASGI), where no header can write: it came from one of `TRUSTED_PROXIES`."""


def hear_proxy(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the scope of an HTTP request as the trusted proxy tells it, marked as that; of any other peer as it is."""
    if not _is_from_proxy(scope, tuple(settings.TRUSTED_PROXIES)):
        return scope
    headers, told = dict(scope["headers"]), {**scope, BY_PROXY: True}
    if address := _read_address(headers.get(b"x-forwarded-for", b"")):
        told["client"] = [address, 0]
    if headers.get(b"x-forwarded-proto") == b"https":
        told["scheme"] = "https"
    return told


def came_by_proxy(request: HttpRequest) -> bool:
    """Decide whether what a request's headers say of its connection is the trusted proxy's word."""
    return getattr(request, "scope", request.META).get(BY_PROXY) is True


def _is_from_proxy(scope: dict[str, Any], proxies: tuple[str, ...]) -> bool:
    """Decide by the connection's other end; one by TCP that is gone already has none either."""
    if client := scope.get("client"):
        return _is_trusted(str(client[0]), proxies)
    return UNIX in proxies and (scope.get("server") or ("", 0))[1] is None


def is_trusted_peer(address: str | None) -> bool:
    """Decide whether the other end of a connection that is no request's is a trusted proxy; None: it came by a socket
    of the site's own."""
    proxies = tuple(settings.TRUSTED_PROXIES)
    return UNIX in proxies if address is None else _is_trusted(address, proxies)


@lru_cache(maxsize=1_000)
def _is_trusted(peer: str, proxies: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in read_networks(proxies))


def read_networks(proxies: tuple[str, ...]) -> list[Network]:
    """Return the addresses and networks among them. Raises ValueError for what is none."""
    return [ipaddress.ip_network(each) for each in proxies if each != UNIX]


def _read_address(told: bytes) -> str:
    """Return the address that the proxy saw: the last one, behind what came along."""
    last = told.decode("latin-1").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return ""
