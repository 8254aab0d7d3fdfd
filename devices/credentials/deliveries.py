"""Handing secrets over: once, to whoever had them made, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices import events, refusals
from devices.models import Delivery, Event
from lib import key_wrapping
from lib.refusals import Refusal

if TYPE_CHECKING:
    from tenants.models import Organisation, User


def prepare_delivery(*, organisation: Organisation, by: User) -> Delivery:
    """Create a delivery with a new key, sealed, that lives for the organisation's `result_hours` from now."""
    sealed = key_wrapping.seal(key_wrapping.new_key())
    expires_at = Now() + timedelta(hours=organisation.result_hours)
    delivery = Delivery.objects.create(organisation=organisation, by=by, sealed=sealed, expires_at=expires_at)
    delivery.refresh_from_db()
    return delivery


def unseal_key(delivery: Delivery) -> bytes:
    """Return the key for the job that makes the credentials. Raises Refusal where it is gone."""
    key = None if delivery.sealed is None else key_wrapping.unseal(delivery.sealed)
    if key is None:
        raise Refusal(refusals.JOB_KEY_GONE)
    return key


def take_key(*, delivery: Delivery, by: User, what: str) -> bytes:
    """Return the key, exactly once: the same transaction destroys it. Raises Refusal where it was taken or is
    over, and records that it was asked for."""
    with transaction.atomic():
        locked = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
        live = Delivery.objects.filter(pk=delivery.pk, sealed__isnull=False, expires_at__gt=Now())
        won = live.update(sealed=None, taken_at=Now()) == 1
        kind = Event.Kind.RESULT_TAKEN if won else Event.Kind.RESULT_REFUSED
        events.record(kind, organisation=locked.organisation_id, by=by, of=what)
    if not won or locked.sealed is None:
        raise Refusal(refusals.RESULT_TAKEN if locked.taken_at else refusals.RESULT_EXPIRED)
    if (key := key_wrapping.unseal(locked.sealed)) is None:
        raise Refusal(refusals.RESULT_UNREADABLE)
    return key


def extend_delivery(*, delivery: Delivery) -> None:
    """Begin its time when there is something to take: a job that waited long does not shorten it."""
    hours = timedelta(hours=delivery.organisation.result_hours)
    Delivery.objects.filter(pk=delivery.pk, sealed__isnull=False).update(expires_at=Now() + hours)


def clear_expired_deliveries() -> int:
    """Destroy the keys that nobody took in time; return how many. Beat calls it, the clock decides without it too."""
    expired = Q(sealed__isnull=False) & Q(expires_at__lte=Now())
    return Delivery.objects.filter(expired).update(sealed=None)
