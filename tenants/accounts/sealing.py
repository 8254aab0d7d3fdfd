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
    return SEALED + _box().encrypt(text.encode()).decode()


def unseal(kept: str) -> str:
    """What was sealed; as it is, if a former version kept it so. After a change of SECRET_KEY, what fits no code."""
    if not kept.startswith(SEALED):
        return kept
    try:
        return _box().decrypt(kept.removeprefix(SEALED)).decode()
    except InvalidToken:
        return base64.b32encode(secrets.token_bytes(20)).decode()


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(str(key))) for key in keys])


def _derived(secret: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"handover second factor")
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))
