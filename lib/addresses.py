"""Whose an address is, where what comes from one is counted."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=10_000)  # thousands of connections a second can come from one
def normalise_address(address: str | None) -> str:
    """Return the address under which it counts: of IPv6 the /64, since a machine takes as many in it as it likes."""
    try:
        number = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(number, ipaddress.IPv6Address) and number.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(number) >> 64 << 64, 64)).network_address)
    return str(getattr(number, "ipv4_mapped", None) or number)
