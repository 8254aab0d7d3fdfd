"""The certificate in a cell, which a device of some recipes brings along."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from devices.identity.certificates import read_certificate

if TYPE_CHECKING:
    from devices.identity.certificates import Certificate

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class Cause(Exception):
    """Say why a cell can't be taken, and what would be."""


def parse_certificate(text: str) -> Certificate:
    """Read a certificate from PEM, or from the base64 of DER. Raises Cause."""
    if text.count("-----BEGIN") > 1 or ("-----BEGIN" in text and not _PEM.search(text)):
        raise Cause("Expected one certificate in PEM, beginning with -----BEGIN CERTIFICATE-----.")
    body = match[1] if (match := _PEM.search(text)) else text
    try:
        return read_certificate(base64.b64decode("".join(body.replace("\\n", "").split()), validate=True))
    except (binascii.Error, ValueError):
        raise Cause("This is no X.509 certificate. Give it as PEM, or as the base64 of its DER.") from None
