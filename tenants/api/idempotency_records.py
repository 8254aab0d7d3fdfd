"""Answers kept for requests that are sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models.functions import Now

from tenants.models import IdempotencyRecord

if TYPE_CHECKING:
    from tenants.models import User

KEPT = timedelta(hours=24)


def claim_key(*, user: User, key: str, route: str, digest: bytes) -> IdempotencyRecord:
    """Claim the key, in the creation's transaction; IntegrityError if it is taken, once its owner is through."""
    IdempotencyRecord.objects.filter(user=user, key=key, created_at__lte=Now() - KEPT).delete()
    return IdempotencyRecord.objects.create(user=user, key=key, route=route[:255], digest=digest)


def recall_answer(*, user: User, key: str) -> IdempotencyRecord | None:
    return IdempotencyRecord.objects.filter(user=user, key=key).first()


def clear_expired() -> int:
    """Forget answers kept for longer than a day; return how many. Beat calls it."""
    return IdempotencyRecord.objects.filter(created_at__lte=Now() - KEPT).delete()[0]
