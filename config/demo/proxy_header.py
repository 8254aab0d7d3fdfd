"""What the demo's TLS end says of a connection before its first byte: the PROXY protocol, version 2, with the
certificate whose key the handshake proved (https://www.haproxy.org/download/3.4/doc/proxy-protocol.txt, 2.2)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PROXIED, TCP4, TCP6 = 0x21, 0x11, 0x21
AUTHORITY, SSL, CLIENT_CERTIFICATE = 0x02, 0x20, 0x28
BY_TLS, SHOWED_CERTIFICATE = 0x01, 0x02
VERIFIED_BY_NOBODY = b"\x00\x00\x00\x01"


def build_header(writer: asyncio.StreamWriter) -> bytes:
    """Return what is said of a TLS connection."""
    tls = writer.get_extra_info("ssl_object")
    ends = [writer.get_extra_info(name)[:2] for name in ("peername", "sockname")]
    addresses = [ipaddress.ip_address(host) for host, _ in ends]
    body = b"".join(address.packed for address in addresses) + b"".join(port.to_bytes(2) for _, port in ends)
    if name := getattr(tls.context, "asked_name", None):
        body += _build_field(AUTHORITY, name.encode("ascii", errors="replace"))
    if der := tls.getpeercert(binary_form=True):
        shown = bytes([BY_TLS | SHOWED_CERTIFICATE]) + VERIFIED_BY_NOBODY + _build_field(CLIENT_CERTIFICATE, der)
        body += _build_field(SSL, shown)
    family = TCP4 if addresses[0].version == 4 else TCP6
    return SIGNATURE + bytes([PROXIED, family]) + len(body).to_bytes(2) + body


def _build_field(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2) + value
