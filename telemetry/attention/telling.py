"""Who is told by mail of what needs attention: once, when it lasts, all that began together in one mail a person."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.template.loader import render_to_string

from devices import events
from devices.attention import reading
from devices.attention.operations import CALM, MOST_TOLD
from devices.models import Attention, Device, Event
from telemetry.models import AttentionMail
from tenants.accounts.mails import FOR_GOOD, GIVES_UP_AFTER, get_refusal_code
from tenants.models import Group, Membership
from tenants.tree import ancestry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devices.models import AttentionQuerySet, DeviceQuerySet

log = logging.getLogger(__name__)

LASTS = timedelta(minutes=1)
"""For how long it is so before somebody is told; while more begins, others wait with it, up to `LONGEST`."""
LONGEST = timedelta(minutes=5)
FLAPS = 3  # beginnings after which it is told even though it never lasts
AT_ONCE = 100
NAMED = 20  # devices of a mail
MOST_KEYS = 1_000  # of what hooks are told in one message
KEPT = timedelta(days=7)
Cause = Attention.Cause


class Dark(NamedTuple):
    """Name a group of which every device is silent."""

    group: Group
    devices: int


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
    AttentionMail.objects.bulk_create(
        AttentionMail(user_id=user, rows=keys) for user, keys in sorted(_find_readers(rows).items())
    )


def _find_readers(rows: Iterable[Attention]) -> dict[int, list[int]]:
    """Return who sees each of these devices and wants to be told: user -> rows."""
    below: dict[str, list[int]] = {}
    for row in rows:
        if row.device.group:
            for path in ancestry(row.device.group.path):
                below.setdefault(path, []).append(row.pk)
    readers: dict[int, set[int]] = {}
    wanting = Membership.objects.in_force().filter(user__is_active=True, user__attention_mails=True)
    for user, path in wanting.filter(group__path__in=below).values_list("user", "group__path"):
        readers.setdefault(user, set()).update(below[path])
    return {user: sorted(keys) for user, keys in readers.items()}


def _send(mail: AttentionMail) -> int:
    """Send what the person still sees of it, and wants to hear; return whether there was anything."""
    visible = Device.objects.visible_to(mail.user)
    found = Attention.objects.in_use().filter(pk__in=mail.rows, device__in=visible).select_related("device__group")
    rows = list(found.order_by("device__name", "pk"))
    if not rows or not mail.user.attention_mails:
        return 0
    dark = _find_dark(rows, visible)
    rest = [row for row in rows if row.cause != Cause.SILENT or row.device.group_id not in {d.group.pk for d in dark}]
    devices = {row.device_id: row.device for row in rows}
    context = {
        "dark": dark,
        "shown": reading.show(rest[:NAMED], devices),
        "more": len(rest[NAMED:]),
        "site": next(iter(settings.SITE_URLS), "").rstrip("/"),
    }
    subject = _write_subject(dark, list(devices.values()))
    EmailMessage(
        subject, render_to_string("telemetry/attention/email/attention.txt", context), to=[mail.user.email]
    ).send()
    return 1


def _find_dark(rows: Sequence[Attention], visible: DeviceQuerySet) -> list[Dark]:
    """Return the groups of which the person sees several devices, and every one of these is silent."""
    silent = Counter(row.device.group for row in rows if row.cause == Cause.SILENT and row.device.group)
    several = [group for group, number in silent.items() if number > 1]
    seen = visible.filter(group__in=several, retired_at=None)
    counts = Counter(seen.values_list("group", flat=True))
    now = Attention.objects.current().filter(device__in=seen, cause=Cause.SILENT)
    dark = Counter(now.values_list("device__group", flat=True))
    return [Dark(group, counts[group.pk]) for group in several if dark[group.pk] == counts[group.pk]]


def _write_subject(dark: Sequence[Dark], devices: Sequence[Device]) -> str:
    if len(dark) == 1 and dark[0].devices == len(devices):
        return f"{dark[0].group.name} is dark: all {len(devices)} devices are silent"
    if len(devices) == 1:
        return f"{devices[0].name} needs attention"
    return f"{len(devices)} devices need attention"
