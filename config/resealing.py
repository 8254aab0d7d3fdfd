"""Sealing what the database holds under SECRET_KEY again, after that was changed and while the former is a fallback.

Row by row: whatever stops it, it is begun again and goes on with what is left. A row that changes meanwhile is sealed
by whoever changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.mfa.models import Authenticator
from django.db import models, transaction

from devices.models import Delivery, PresenceSecret
from lib import key_wrapping
from provisioning.models import DoorKey, Hook
from tenants.accounts import sealing
from tenants.models import PushKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet


class Resealed(NamedTuple):
    """Count the rows of one kind: sealed anew, as they were, and those that no key of the site opens."""

    what: str
    anew: int
    kept: int
    lost: int


def reseal_all() -> Iterator[Resealed]:
    """Yield the counts of each kind once it is done."""
    yield _reseal("keys of files that wait", Delivery._default_manager.all(), "sealed")
    yield _reseal("secrets of codes and challenges", PresenceSecret._default_manager.all(), "sealed")
    yield _reseal("keys of hooks", Hook._default_manager.all(), "sealed")
    yield _reseal("former keys of hooks", Hook._default_manager.all(), "former_sealed")
    yield _reseal("shared secrets of doors", DoorKey._default_manager.filter(algorithm="HS256"), "material")
    yield _reseal("keys of web push", PushKey._default_manager.all(), "sealed")
    yield _reseal_second_factors()


def count_claim_codes() -> int:
    """Return how many claim codes are not spent: they are digests, each under the key of its day."""
    return PresenceSecret._default_manager.filter(digest__isnull=False, spent_at=None).count()


def _reseal(what: str, rows: QuerySet[Any], column: str) -> Resealed:
    anew = kept = lost = 0
    sealed = rows.exclude(**{column: None}).order_by("pk")
    for pk, former in sealed.values_list("pk", column).iterator(chunk_size=500):
        now = key_wrapping.reseal(former)
        if now is None:
            lost += 1
        elif now == bytes(former):
            kept += 1
        else:
            anew += rows.filter(pk=pk, **{column: former}).update(**{column: now})
    return Resealed(what, anew, kept, lost)


def _reseal_second_factors() -> Resealed:
    counts = {"anew": 0, "kept": 0, "lost": 0}
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row: models.Model | None = Authenticator.objects.select_for_update(no_key=True).filter(pk=pk).first()
            if row is not None:
                counts[_reseal_second_factor(row)] += 1
    return Resealed("second factors", **counts)


def _reseal_second_factor(row: Any) -> str:
    former = {name: row.data[name] for name in ("secret", "seed") if isinstance(row.data.get(name), str)}
    now = {name: sealing.reseal(text) for name, text in former.items()}
    if None in now.values():
        return "lost"
    if now == former:
        return "kept"
    row.data = {**row.data, **now}
    row.save(update_fields=["data"])
    return "anew"
