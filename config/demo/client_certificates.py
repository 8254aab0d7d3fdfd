"""TLS that asks each client for a certificate and takes any whose key was proved, with the standard library alone.

Python's `ssl` knows no way to say so: a certificate that it can't trace to an authority ends the handshake, and devices
sign theirs themselves. Hence each connection has a context of its own, which trusts the very certificate that this
client sends, from the moment when it has come. The proof remains: OpenSSL checks what the client signs with its key,
and no handshake ends without. Whether the certificate counts, and for whom, is for the site to judge. One that says
that it is for no client (extended key usage) is refused here.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HANDSHAKE, CERTIFICATE = 22, 11  # RFC 8446, 5.1 and 4
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: the site says why, a broken handshake doesn't


def make_context(certificate: Path) -> ssl.SSLContext:
    """Return a server's context; `certificate` is a PEM file of a chain and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate)
    return context


def make_asking_context(certificate: Path, *, protocols: Sequence[str] = ()) -> ssl.SSLContext:
    """Return one for one connection, which asks for a client certificate (and goes on without)."""
    context: Any = make_context(certificate)
    if protocols:
        context.set_alpn_protocols(protocols)
    context.options |= ssl.OP_NO_TICKET  # each connection proves its key
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME

    def watch(_: object, direction: str, version: int, kind: int, message: int, data: bytes) -> None:
        if (direction, kind, message) == ("read", HANDSHAKE, CERTIFICATE) and (der := _cut_leaf(data, version)):
            context.load_verify_locations(cadata=der)

    def note_name(_: object, name: str | None, __: object) -> None:
        context.asked_name = name

    context.sni_callback = note_name
    context._msg_callback = watch  # by which OpenSSL shows a message before it acts on it
    return context  # type: ignore[no-any-return]


def _cut_leaf(message: bytes, version: int) -> bytes:
    """Return the first certificate of a Certificate message (RFC 8446, 4.4.2; RFC 5246, 7.4.2), as DER; nothing where
    there is none."""
    body = message[4:]
    if version >= ssl.TLSVersion.TLSv1_3:
        body = body[1 + body[0] :]  # an echoed context
    length = int.from_bytes(body[3:6], "big")
    return body[6 : 6 + length]
