"""A person's own time zone and hours, and what they are mailed of devices."""

from __future__ import annotations

from django.db import transaction

from tenants.accounts import events
from tenants.models import AccountEvent, User


def choose_clock(*, user: User, time_zone: str, clock: str) -> None:
    """Keep what the person's pages and files go by; empty for the organisation's."""
    other = User.objects.filter(pk=user.pk).exclude(time_zone=time_zone, clock=clock)
    with transaction.atomic():
        if other.update(time_zone=time_zone, clock=clock):
            user.time_zone, user.clock = time_zone, clock
            now = user.find_clock()
            events.record(AccountEvent.Kind.CLOCK_CHOSEN, user=user, clock=f"{now.zone}, {now.hours} hours")


def choose_mails(*, user: User, attention: bool) -> None:
    """Keep whether the person is mailed when devices that they see need attention."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk).exclude(attention_mails=attention).update(attention_mails=attention):
            user.attention_mails = attention
            events.record(AccountEvent.Kind.MAILS_CHOSEN, user=user, mails=f"attention {'on' if attention else 'off'}")
