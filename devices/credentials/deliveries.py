"""Handing secrets over: once, to whoever had them made, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from devices import events
from devices.models import Delivery, Event
from lib import key_wrapping

if TYPE_CHECKING:
    from tenants.models import Organisation, User


class Gone(Exception):
    """Taken already, or expired; new secrets can be issued instead."""


def prepare(*, organisation: Organisation, by: User) -> Delivery:
    """A new key, sealed, that lives for the organisation's `result_hours` from now."""
    sealed = key_wrapping.seal(key_wrapping.new_key())
    expires_at = Now() + timedelta(hours=organisation.result_hours)
    delivery = Delivery.objects.create(organisation=organisation, by=by, sealed=sealed, expires_at=expires_at)
    delivery.refresh_from_db()
    return delivery


def key_of(delivery: Delivery) -> bytes:
    """For the job that makes the credentials. Raises Gone, or sealing.Unsealable."""
    if delivery.sealed is None:
        raise Gone
    return key_wrapping.unseal(delivery.sealed)


def take(*, delivery: Delivery, by: User, what: str) -> bytes:
    """The key, exactly once: it is destroyed in the same transaction. Raises Gone, and records that it was asked."""
    with transaction.atomic():
        locked = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
        live = Delivery.objects.filter(pk=delivery.pk, sealed__isnull=False, expires_at__gt=Now())
        won = live.update(sealed=None, taken_at=Now()) == 1
        kind = Event.Kind.RESULT_TAKEN if won else Event.Kind.RESULT_REFUSED
        events.record(kind, organisation=locked.organisation_id, by=by, of=what)
    if not won or locked.sealed is None:
        raise Gone
    return key_wrapping.unseal(locked.sealed)


def extend(*, delivery: Delivery) -> None:
    """Its time begins when there is something to take: a job that waited long does not shorten it."""
    hours = timedelta(hours=delivery.organisation.result_hours)
    Delivery.objects.filter(pk=delivery.pk, sealed__isnull=False).update(expires_at=Now() + hours)


def clear_expired() -> int:
    """How many keys were destroyed unused; beat calls it, and the clock decides without it too."""
    expired = Q(sealed__isnull=False) & Q(expires_at__lte=Now())
    return Delivery.objects.filter(expired).update(sealed=None)
