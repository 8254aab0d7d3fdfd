"""Secrets that are handed over once, later: made again from a sealed key instead of being stored.

A delivery holds one random 256-bit key, sealed with a key derived from SECRET_KEY. Every credential of the delivery
comes from it by HMAC-SHA256 over its number, so a job that was killed makes the same ones again, and destroying the
key destroys the only way to the secrets. At rest there are hashes alone.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from binascii import b2a_base64
from functools import lru_cache
from typing import NamedTuple

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Access(NamedTuple):
    """Hold what a device connects with."""

    key: str  # 32 hex digits
    secret: str  # 256 bits, base64url

    def __repr__(self) -> str:
        return f"Access({self.key!r}, …)"


def new_key() -> bytes:
    return secrets.token_bytes(32)


def seal(key: bytes) -> bytes:
    return _make_box().encrypt(key)


def unseal(sealed: bytes | memoryview) -> bytes | None:
    """Return the key; None where none of the site's secrets opens it: its SECRET_KEY changed, and the former is not
    among SECRET_KEY_FALLBACKS."""
    try:
        return _make_box().decrypt(bytes(sealed))
    except InvalidToken:
        return None


def reseal(sealed: bytes | memoryview) -> bytes | None:
    """Return it sealed under SECRET_KEY: as it is where it is so already. None where no secret of the site opens it."""
    try:
        Fernet(_derive_wrapping_key(settings.SECRET_KEY)).decrypt(bytes(sealed))
    except InvalidToken:
        return None if (key := unseal(sealed)) is None else seal(key)
    return bytes(sealed)


def list_digests(text: str) -> list[bytes]:
    """Return the digests of a secret too short for a plain hash, by each of the site's secrets: the one to keep first,
    then those by which it may have been kept before."""
    secrets_ = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return [hmac.digest(_derive(secret, b"handover: short secrets"), text.encode(), "sha256") for secret in secrets_]


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Deriver:
    """Derive many secrets from one key: each goes on from a copy of the code's beginning, in a third of the time."""

    def __init__(self, key: bytes) -> None:
        self._beginning = HMAC(key, SHA256())

    def derive_bytes(self, label: str, number: int) -> bytes:
        """Return 32 bytes that only the key's holder can tell."""
        code = self._beginning.copy()
        code.update(f"{label}:{number}".encode())
        return code.finalize()

    def derive_access(self, number: int) -> Access:
        """Return the credential of one row of a delivery; the same each time it is asked for.

        No secret begins with a dash: it is handed over in CSV, where that would have to be neutralised, and so be
        changed.
        """
        label = "secret"
        while (secret := b2a_base64(self.derive_bytes(label, number), newline=False))[:1] == b"+":
            label += "'"
        return Access(self.derive_bytes("key", number)[:16].hex(), secret.translate(_URL_SAFE, b"=").decode())


def _make_box() -> MultiFernet:
    return MultiFernet(
        [Fernet(_derive_wrapping_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


def _derive_wrapping_key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(_derive(secret, b"handover: deliveries"))


@lru_cache(16)  # a file has a hundred thousand
def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
