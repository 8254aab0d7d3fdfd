"""Where a connection comes from, as the front says it before the first byte: the PROXY protocol, version 2.

https://www.haproxy.org/download/3.4/doc/proxy-protocol.txt; HAProxy says it by `send-proxy-v2`. A client's certificate
comes either as that text has it (0x28 within 0x20), or in a field of its own, as HAProxy writes it from 2.9 on:
`set-proxy-v2-tlv-fmt(0xE8) %[ssl_c_der,base64]`. Whether to believe it is decided by who connects.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
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
SSL, CLIENT_CERTIFICATE, OWN_CERTIFICATE = 0x20, 0x28, 0xE8
CAME = 0x02 | 0x04
"""Flags that say that the client showed a certificate, in this connection or in the session that it resumes."""
LARGEST = 20_000


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
    caller = Caller(str(ipaddress.ip_address(fields.take(SIZES[family]))))
    fields.take(SIZES[family] + 4)
    while fields:
        kind, value = fields.take_number(1), fields.take_data()
        if kind == AUTHORITY:
            caller = caller._replace(host=value.decode("ascii", errors="replace"))
        elif kind == SSL:
            caller = caller._replace(certificate=_find_certificate(value) or caller.certificate)
        elif kind == OWN_CERTIFICATE and value:
            caller = caller._replace(certificate=_decode(value))
    return caller


def _find_certificate(value: bytes) -> bytes:
    fields = Fields(value)
    came = fields.take_number(1) & CAME
    fields.take(4)  # what the front thinks of the authority, which is the site's to judge
    while fields:
        kind, data = fields.take_number(1), fields.take_data()
        if kind == CLIENT_CERTIFICATE and came:
            return data
    return b""


def _decode(value: bytes) -> bytes:
    try:
        return b64decode(value, validate=True)
    except ValueError:
        raise Malformed("a certificate that is not in base64") from None
