"""Certificates as credentials: a device is known by the very certificate whose key it proves, whoever signed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.credentials.operations import Issued, find_usable
from devices.models import Credential

if TYPE_CHECKING:
    from devices.identity.certificates import Certificate


def find_by_certificate(fingerprint: str) -> Credential | None:
    """Return the live credential that the certificate is, with its device; one indexed query. The caller knows that its
    key was proved."""
    kind = Credential.Kind.CERTIFICATE
    return find_usable(Credential.objects.live().filter(kind=kind, access_key=fingerprint))


def make_certified(certificate: Certificate) -> Issued:
    """Return the certificate as what a device authenticates with, until it expires; it has no secret."""
    return Issued(certificate.fingerprint, "", certificate.expires_at)
