"""The certificate in a cell, which a device of some recipes brings along."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from datetime import datetime

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class Cause(Exception):
    """Say why a cell can't be taken, and what would be."""


class Certificate(NamedTuple):
    fingerprint: str  # SHA-256 in hex
    common_name: str
    expires_at: datetime


def parse_certificate(text: str) -> Certificate:
    """Read a certificate from PEM, or from the base64 of DER. Raises Cause."""
    if text.count("-----BEGIN") > 1 or ("-----BEGIN" in text and not _PEM.search(text)):
        raise Cause("Expected one certificate in PEM, beginning with -----BEGIN CERTIFICATE-----.")
    body = match[1] if (match := _PEM.search(text)) else text
    try:
        der = base64.b64decode("".join(body.replace("\\n", "").split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        common = str(names[0].value) if names else ""
        return Certificate(hashlib.sha256(der).hexdigest(), common, certificate.not_valid_after_utc)
    except (binascii.Error, ValueError, TypeError):
        raise Cause("This is no X.509 certificate. Give it as PEM, or as the base64 of its DER.") from None
