"""Digits that somebody enters at the gateway, and its signed answer: docs/protocol.md, "Other proofs of presence"."""

from __future__ import annotations

import base64
import hmac

from .identity import BadInput

SECRET_LENGTH = 32  # bytes
DIGITS = 8


def read_secret(text: str) -> bytes:
    """Return what an admin made on the device's page. Raises BadInput."""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_LENGTH:
        raise BadInput(f"Bad --presence-secret: it has {2 * SECRET_LENGTH} hexadecimal digits, as the page shows them.")
    return secret


def read_digits(text: str) -> str:
    """Return the digits as they are signed; empty for what is none."""
    digits = "".join(text.split())
    return digits if len(digits) == DIGITS and digits.isascii() and digits.isdigit() else ""


def sign(secret: bytes, device_id: str, digits: str) -> str:
    signed = f"presence:{device_id}:{digits}".encode()
    return base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
