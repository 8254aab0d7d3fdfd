"""Secrets that are handed over once, later: made again from a sealed key instead of being stored.

A delivery holds one random 256-bit key, sealed with a key derived from SECRET_KEY. Every credential of the delivery
comes from it by HMAC-SHA256 over its number, so a job that was killed makes the same ones again, and destroying the
key destroys the only way to the secrets. At rest there are hashes alone.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Access(NamedTuple):
    """What a device connects with."""

    key: str  # 32 hex digits
    secret: str  # 256 bits, base64url

    def __repr__(self) -> str:
        return f"Access({self.key!r}, …)"


class Unsealable(Exception):
    """The site's SECRET_KEY changed and is not among SECRET_KEY_FALLBACKS."""


def new_key() -> bytes:
    return secrets.token_bytes(32)


def seal(key: bytes) -> bytes:
    return _box().encrypt(key)


def unseal(sealed: bytes | memoryview) -> bytes:
    try:
        return _box().decrypt(bytes(sealed))
    except InvalidToken:
        raise Unsealable from None


def derive(key: bytes, label: str, number: int) -> bytes:
    """32 bytes that only the key's holder can tell."""
    return hmac.digest(key, f"{label}:{number}".encode(), "sha256")


def access(key: bytes, number: int) -> Access:
    """The credential of one row of a delivery; the same each time it is asked for.

    No secret begins with a dash: it is handed over in CSV, where that would have to be neutralised, and so be changed.
    """
    label = "secret"
    while (secret := base64.urlsafe_b64encode(derive(key, label, number)).decode().rstrip("=")).startswith("-"):
        label += "'"
    return Access(derive(key, "key", number)[:16].hex(), secret)


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_wrapping(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _wrapping(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"handover: deliveries").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
