"""X.509 certificates of devices: what one says of whom it is for, and since and until when."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from datetime import datetime


class Certificate(NamedTuple):
    fingerprint: str  # SHA-256 of its DER, in hex
    common_name: str
    begins_at: datetime
    expires_at: datetime


def read_certificate(der: bytes) -> Certificate:
    """Return what it says. Raises ValueError for what is none."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common = str(names[0].value) if names else ""
        spans = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise ValueError(str(error)) from None
    return Certificate(hashlib.sha256(der).hexdigest(), common, *spans)
