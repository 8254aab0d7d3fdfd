"""Certificates as credentials: a device is known by the very certificate whose key it proves, whoever signed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.signing import BadSignature, TimestampSigner

from devices.credentials.operations import Issued, find_usable
from devices.models import Credential

if TYPE_CHECKING:
    from devices.identity.certificates import Certificate

TICKET_SECONDS = 60
FINGERPRINT_LENGTH = 64


def find_by_certificate(fingerprint: str) -> Credential | None:
    """Return the live credential that the certificate is, with its device; one indexed query. The caller knows that its
    key was proved."""
    kind = Credential.Kind.CERTIFICATE
    return find_usable(Credential.objects.live().filter(kind=kind, access_key=fingerprint))


def make_certified(certificate: Certificate) -> Issued:
    """Return the certificate as what a device authenticates with, until it expires; it has no secret."""
    return Issued(certificate.fingerprint, "", certificate.expires_at)


def make_ticket(fingerprint: str) -> str:
    """Return what stands for a password where only names and passwords are asked about: who made it saw that the
    certificate's key was proved."""
    return _get_signer().sign(fingerprint).partition(":")[2]


def is_ticket(fingerprint: str, password: str) -> bool:
    """Decide whether the password is a ticket of the last minute for that certificate."""
    if len(fingerprint) != FINGERPRINT_LENGTH or password.count(":") != 1:
        return False
    try:
        _get_signer().unsign(f"{fingerprint}:{password}", max_age=TICKET_SECONDS)
    except BadSignature:
        return False
    return True


def _get_signer() -> TimestampSigner:
    return TimestampSigner(salt="a certificate whose key was proved")
