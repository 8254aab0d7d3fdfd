"""Where a connection comes from, as the front says it before the first byte: the PROXY protocol, version 2.

https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt; HAProxy says it by `send-proxy-v2`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from devices.broker.interpreter.callers import Caller
from devices.mqtt.packets import Fields, Malformed

if TYPE_CHECKING:
    from devices.mqtt.packets import Read

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
VERSION, PROXIED = 0x20, 0x01
SIZES = {0x11: 4, 0x21: 16}  # bytes of an address, by TCP's family
AUTHORITY = 0x02
"""Names what holds the host name that the client asked for in TLS."""
LARGEST = 2048


async def read_header(read: Read) -> Caller:
    """Return who connects; nobody where the front asks for itself. Raises Malformed, and what `read` raises."""
    head = await read(len(SIGNATURE) + 4)
    signature, command, family = head[: len(SIGNATURE)], head[len(SIGNATURE)], head[len(SIGNATURE) + 1]
    size = int.from_bytes(head[-2:])
    if signature != SIGNATURE or command & 0xF0 != VERSION or size > LARGEST:
        raise Malformed("no header of a proxy")
    fields = Fields(await read(size) if size else b"")
    if not command & PROXIED or family not in SIZES:
        return Caller()
    address = str(ipaddress.ip_address(fields.take(SIZES[family])))
    fields.take(SIZES[family] + 4)
    while fields:
        kind, value = fields.take_number(1), fields.take_data()
        if kind == AUTHORITY:
            return Caller(address, value.decode("ascii", errors="replace"))
    return Caller(address)
