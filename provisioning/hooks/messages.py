"""What back ends are sent, and how it is signed: Standard Webhooks 1.0 (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any

from lib import key_wrapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.models import Hook

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification wants 24 to 64


def make_secret() -> tuple[str, bytes]:
    """Return a secret as it is shown once, and sealed as it is kept."""
    key = secrets.token_bytes(SECRET_BYTES)
    return PREFIX + base64.b64encode(key).decode(), key_wrapping.seal(key)


def unseal_keys(hook: Hook, *, with_former: bool) -> list[bytes]:
    """Return the keys that sign for it, the present one first; none where this site's secret opens none."""
    sealed = [hook.sealed, hook.former_sealed if with_former else None]
    keys = [key_wrapping.unseal(each) for each in sealed if each]
    return [key for key in keys if key]


def encode(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def sign(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header webhook-signature: one of each key, with spaces between them."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
