"""Tokens: a credential in one text, for devices that have no place for an access key beside it.

A token is 40 lower-case hexadecimal digits (160 random bits): that many, and no others, is what the firmware of the
Exosite dialect keeps. Its access key follows from it and tells nothing of it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from devices.credentials.operations import Issued, find_credential

if TYPE_CHECKING:
    from devices.models import Credential, Device

TOKEN = re.compile("[0-9a-f]{40}")


def make_token(_: Device) -> Issued:
    """Return a new token as the secret of the access key that follows from it."""
    token = secrets.token_hex(20)
    return Issued(derive_access_key(token), token)


def derive_access_key(token: str) -> str:
    return hashlib.sha256(f"token:{token}".encode()).hexdigest()[:32]


def find_by_token(token: str) -> Credential | None:
    """Return the live credential that the token is, with its device; one indexed query."""
    if not TOKEN.fullmatch(token):
        return None
    return find_credential(access_key=derive_access_key(token), access_secret=token)
