"""The certificate with which a device came: read from what the trusted proxy says of its connection (RFC 9440), and
judged here, since a TLS end only says that its key was proved.

docs/decisions/0038 says why a device is known by the very certificate.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from devices.identity.certificates import read_certificate
from lib.db.clock import read_now
from lib.refusals import Refusal
from lib.trusted_proxies import came_by_proxy
from provisioning.doors import refusals

if TYPE_CHECKING:
    from django.http import HttpRequest

    from devices.identity.certificates import Certificate

LONGEST = 24_000  # characters of the header


class Shown(NamedTuple):
    """Hold a certificate that came with a request; `is_proved` says whether the connection proved its key."""

    certificate: Certificate
    der: bytes
    is_proved: bool

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint

    @property
    def identity(self) -> str:
        """Return whose it is: the common name, as far as a database takes it."""
        name = self.certificate.common_name.strip()
        return name if name.isprintable() else ""


def read_shown(request: HttpRequest) -> Shown | None:
    """Return the certificate that came, or None. Raises Refusal for one that can't be read."""
    sent = request.headers.get("Client-Cert", "").strip()
    if not sent:
        return None
    if len(sent) > LONGEST or len(sent) < 2 or sent[0] != ":" or sent[-1] != ":":
        raise Refusal(refusals.CERTIFICATE_UNREADABLE, what="Client-Cert is no byte sequence of RFC 8941")
    try:
        der = base64.b64decode(sent[1:-1], validate=True)
    except ValueError as error:  # of another kind for letters beyond ASCII
        raise Refusal(refusals.CERTIFICATE_UNREADABLE, what=str(error)[:100]) from None
    return read_der(der, is_proved=came_by_proxy(request))


def read_der(der: bytes, *, is_proved: bool) -> Shown:
    """Return a certificate that came. Raises Refusal for one that can't be read."""
    try:
        return Shown(read_certificate(der), der, is_proved)
    except ValueError as error:
        raise Refusal(refusals.CERTIFICATE_UNREADABLE, what=str(error)[:100] or "it is no X.509 certificate") from None


def judge(shown: Shown) -> None:
    """Raise Refusal unless its key was proved and now is its time, by the database's clock."""
    if not shown.is_proved:
        raise Refusal(refusals.CERTIFICATE_UNPROVED)
    now, certificate = read_now(), shown.certificate
    if now < certificate.begins_at:
        raise Refusal(refusals.CERTIFICATE_EARLY, at=f"{certificate.begins_at:%Y-%m-%d %H:%M:%S}")
    if now >= certificate.expires_at:
        raise Refusal(refusals.CERTIFICATE_EXPIRED, at=f"{certificate.expires_at:%Y-%m-%d %H:%M:%S}")


def is_signed_by(shown: Shown, authorities: str) -> bool:
    """Decide whether one of the certificates in `authorities` (PEM) signed it."""
    certificate = x509.load_der_x509_certificate(shown.der)
    return any(_is_issued_by(certificate, each) for each in read_authorities(authorities))


def read_authorities(text: str) -> list[x509.Certificate]:
    """Return the certificates in a text of PEM. Raises ValueError where it has none, or one that can't be read."""
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from None


def write_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
