"""Secrets of the second factor at rest: sealed with a key derived from SECRET_KEY."""

from __future__ import annotations

import base64
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

SEALED = "sealed:"


def seal(text: str) -> str:
    return SEALED + _build_cipher().encrypt(text.encode()).decode()


def unseal(stored: str) -> str:
    """Return the text that was sealed, or as it is what a former version kept so.

    After a change of SECRET_KEY return what fits no code.
    """
    if not stored.startswith(SEALED):
        return stored
    try:
        return _build_cipher().decrypt(stored.removeprefix(SEALED)).decode()
    except InvalidToken:
        return base64.b32encode(secrets.token_bytes(20)).decode()


def reseal(stored: str) -> str | None:
    """Return it sealed under SECRET_KEY: as it is where it is so already. None where no secret of the site opens it."""
    if not stored.startswith(SEALED):
        return seal(stored)
    token = stored.removeprefix(SEALED).encode()
    try:
        Fernet(_derive_key(str(settings.SECRET_KEY))).decrypt(token)
    except InvalidToken:
        try:
            return SEALED + _build_cipher().rotate(token).decode()
        except InvalidToken:
            return None
    return stored


def _build_cipher() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derive_key(str(key))) for key in keys])


def _derive_key(secret: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"handover second factor")
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))
