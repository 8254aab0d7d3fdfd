"""Making, checking and revoking what devices authenticate with.

Secrets are 256-bit random, so a single SHA-256 is enough at rest, and indexed look-up stays cheap.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from devices.models import Credential, Device, Event

if TYPE_CHECKING:
    from tenants.models import User


@dataclass(frozen=True, repr=False)
class Issued:
    """Shown exactly once; only the hash stays."""

    access_key: str
    access_secret: str


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def issue(*, device: Device, by: User | None) -> Issued:
    issued = Issued(secrets.token_hex(16), secrets.token_urlsafe(32))
    with transaction.atomic():
        Credential.objects.create(device=device, access_key=issued.access_key, secret_hash=digest(issued.access_secret))
        _record(Event.Kind.CREDENTIAL_ISSUED, device, issued.access_key, by)
    return issued


def revoke(*, credential: Credential, by: User) -> bool:
    """Whether this call revoked it."""
    with transaction.atomic():
        live = Credential.objects.filter(pk=credential.pk, revoked_at=None)
        if live.update(revoked_at=Now()) != 1:
            return False
        _record(Event.Kind.CREDENTIAL_REVOKED, credential.device, credential.access_key, by)
    return True


def authenticate(*, access_key: str, access_secret: str) -> Device | None:
    """The device whose live credential this is; one indexed query."""
    live = Credential.objects.filter(access_key=access_key, revoked_at=None)
    credential = live.select_related("device").first()
    stored = bytes(credential.secret_hash) if credential else bytes(32)
    matches = hmac.compare_digest(stored, digest(access_secret))
    return credential.device if credential and matches else None


def _record(kind: Event.Kind, device: Device, access_key: str, by: User | None) -> None:
    Event.objects.create(
        organisation_id=device.organisation_id,
        device=device,
        assignment_id=device.assignment_id,
        by=by,
        kind=kind,
        data={"access_key": access_key},
    )
