"""A person's own time zone and hours."""

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
