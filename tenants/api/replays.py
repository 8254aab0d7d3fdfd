"""Answers kept for requests that are sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from tenants.models import Replay

if TYPE_CHECKING:
    from tenants.models import User

KEPT = timedelta(hours=24)


def claim(*, user: User, key: str, route: str, digest: bytes) -> Replay:
    """To be called in the creation's transaction. IntegrityError if the key is taken, after its owner is through."""
    Replay.objects.filter(user=user, key=key, created_at__lte=Now() - KEPT).delete()
    return Replay.objects.create(user=user, key=key, route=route[:255], digest=digest)


def recall(*, user: User, key: str) -> Replay | None:
    return Replay.objects.filter(user=user, key=key).first()


def clear_expired() -> int:
    """How many were forgotten; beat calls it."""
    return Replay.objects.filter(created_at__lte=Now() - KEPT).delete()[0]
