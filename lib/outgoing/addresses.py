"""Where anything may be sent that people name: addresses of the Internet, and networks that the operator lists.

A name is looked up once, and what is connected to is that address: a second look-up could answer another one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST = 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?")


class Target(NamedTuple):
    """Hold what an address of the web names."""

    host: str  # in lower case, of IPv6 without brackets
    port: int
    path: str  # with its query

    @property
    def authority(self) -> str:
        """Return what the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"


def read_target(url: str, *, longest: int = LONGEST) -> Target:
    """Return the target of an https address. Raises ValidationError, in words for whoever wrote it."""
    if len(url) > longest or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValidationError(f"Write an address of at most {longest} characters of ASCII, without spaces.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValidationError("This is no web address. Write one such as https://join.example/hooks.") from None
    if parts.scheme != "https":
        raise ValidationError("Write an address that begins with https://: what is sent names your devices.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValidationError("Write it without a name, a password and a part behind #. Messages are signed instead.")
    if port == 0 or not (_HOST.fullmatch(host) or ":" in host):
        raise ValidationError("Name the host that is to be told, such as https://join.example/hooks.")
    path = parts.path or "/"
    return Target(host, port or 443, f"{path}?{parts.query}" if parts.query else path)


def read_networks(texts: Sequence[str]) -> list[Network]:
    """Return the networks that the operator lists (HOOK_NETWORKS). Raises ValueError."""
    return [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]


def is_reachable(host: str, networks: Sequence[Network]) -> bool:
    """Decide whether what a web address names may be connected to, as far as that is known without a look-up."""
    try:
        return is_allowed(host, networks)
    except ValueError:
        return True  # a name


def is_allowed(text: str, networks: Sequence[Network]) -> bool:
    """Decide whether it may be connected to: what IPv6 wraps around an address of IPv4 counts as that."""
    address = _unwrap(ipaddress.ip_address(text.partition("%")[0]))
    if any(address in network for network in networks if network.version == address.version):
        return True
    barred = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not (barred or getattr(address, "is_site_local", False))


def _unwrap(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
