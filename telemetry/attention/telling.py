"""Who is told of what needs attention, by mail and in their browsers: once, when it lasts, all that began together in
one message a person."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now
from django.template.loader import render_to_string

from devices import events
from devices.attention.operations import CALM, MOST_TOLD
from devices.models import Attention, Event
from telemetry.attention import wording
from telemetry.models import AttentionMail, AttentionPush
from tenants.accounts.mails import FOR_GOOD, GIVES_UP_AFTER, get_refusal_code
from tenants.models import Membership, PushSubscription, User
from tenants.tree import ancestry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import AttentionQuerySet

log = logging.getLogger(__name__)

LASTS = timedelta(minutes=1)
"""For how long it is so before somebody is told; while more begins, others wait with it, up to `LONGEST`."""
LONGEST = timedelta(minutes=5)
FLAPS = 3  # beginnings after which it is told even though it never lasts
AT_ONCE = 100
MOST_KEYS = 1_000  # of what hooks are told in one message
KEPT = timedelta(days=7)


def tell_due() -> None:
    """Note for each person what they are told now. Whoever does it at the same time finds nothing left."""
    for organisation in sorted(set(_find_due().values_list("organisation", flat=True))):
        _tell_organisation(organisation)


def send_due() -> int:
    """Send the mails that wait, each by one worker; return how many left. Like mails about accounts, one that is not
    taken is sent again for a day."""
    sent = 0
    for mail in AttentionMail.objects.filter(unsent=True).select_related("user").order_by("pk")[:AT_ONCE]:
        if AttentionMail.objects.filter(pk=mail.pk, unsent=True).update(unsent=False) != 1:
            continue
        try:
            sent += _send(mail)
        except (OSError, SMTPException, ValueError) as error:
            log.warning("attention mail %s not sent: %s", mail.pk, type(error).__name__)
            code = get_refusal_code(error)
            if code is None or code < FOR_GOOD:
                again = AttentionMail.objects.filter(pk=mail.pk, made_at__gt=Now() - GIVES_UP_AFTER)
                again.update(unsent=True)
            if code is None:
                break
    return sent


def clear_old() -> None:
    AttentionMail.objects.filter(unsent=False, made_at__lte=Now() - KEPT).delete()


def _find_due() -> AttentionQuerySet:
    """Return what is to be told: it lasts, or came and went so often that it is told all the same."""
    lasts = Q(ended_at=None, since__lte=Now() - LASTS)
    flaps = Q(times__gte=FLAPS) & (Q(ended_at=None) | Q(ended_at__gt=Now() - CALM))
    untold = Attention.objects.in_use().filter(told__lt=F("times"), acknowledged_at=None)
    return untold.filter(lasts | flaps, told__lt=MOST_TOLD)


@transaction.atomic
def _tell_organisation(organisation: int) -> None:
    due = _find_due().filter(organisation=organisation)
    new = Attention.objects.current().filter(organisation=organisation, told=0, since__gt=Now() - LASTS)
    if new.exists() and not due.filter(since__lte=Now() - LONGEST).exists():
        return
    locked = due.select_for_update(no_key=True, of=("self",)).select_related("device__group").order_by("pk")
    rows = list(locked)
    # Of what comes and goes nobody hears any more until it was calm.
    told = Case(When(times__gt=1, then=Value(MOST_TOLD)), default=Value(1))
    Attention.objects.filter(pk__in=[row.pk for row in rows]).update(told=told)
    if rows:
        keys = [row.pk for row in rows[:MOST_KEYS]]
        events.record(Event.Kind.ATTENTION_TOLD, organisation=organisation, count=len(rows), rows=keys)
    readers = _find_readers(rows)
    mailed = User.objects.filter(pk__in=readers, attention_mails=True).order_by("pk").values_list("pk", flat=True)
    AttentionMail.objects.bulk_create(AttentionMail(user_id=user, rows=readers[user]) for user in mailed)
    browsers = PushSubscription.objects.live().filter(user__in=readers)
    AttentionPush.objects.bulk_create(
        AttentionPush(subscription=browser, rows=readers[browser.user_id]) for browser in browsers
    )


def _find_readers(rows: Iterable[Attention]) -> dict[int, list[int]]:
    """Return who sees each of these devices and wants to be told in some way: user -> rows."""
    below: dict[str, list[int]] = {}
    for row in rows:
        if row.device.group:
            for path in ancestry(row.device.group.path):
                below.setdefault(path, []).append(row.pk)
    readers: dict[int, set[int]] = {}
    browsers = PushSubscription.objects.filter(user=OuterRef("user"))
    wants = Q(user__attention_mails=True) | Exists(browsers)
    wanting = Membership.objects.in_force().filter(wants, user__is_active=True)
    for user, path in wanting.filter(group__path__in=below).values_list("user", "group__path"):
        readers.setdefault(user, set()).update(below[path])
    return {user: sorted(keys) for user, keys in readers.items()}


def _send(mail: AttentionMail) -> int:
    """Send what the person still sees of it, and wants to hear; return whether there was anything."""
    told = wording.find_told(mail.user, mail.rows) if mail.user.attention_mails else None
    if told is None:
        return 0
    context = told.build_context() | {"site": next(iter(settings.SITE_URLS), "").rstrip("/")}
    text = render_to_string("telemetry/attention/email/attention.txt", context)
    EmailMessage(told.subject, text, to=[mail.user.email]).send()
    return 1
