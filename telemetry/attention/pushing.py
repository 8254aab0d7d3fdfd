"""Telling browsers by web push: what their person still sees when it is sent, again for some hours where that fails."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import F
from django.db.models.functions import Now

from lib.outgoing import client, results
from telemetry.attention import wording
from telemetry.models import AttentionPush
from tenants.models import PushSubscription
from tenants.push import keys, messages
from tenants.push import operations as push

if TYPE_CHECKING:
    from lib.outgoing.results import Answer
    from lib.web_push import Key

log = logging.getLogger(__name__)

AT_ONCE = 100
LEASE = timedelta(minutes=1)  # six times what an attempt takes
RETRIES = (30, 2 * 60, 10 * 60, 30 * 60, 3600, 2 * 3600)  # seconds after each attempt that failed
GIVES_UP_AFTER = timedelta(hours=4)  # what is told later is no news
BUSY = 429


def send_due() -> int:
    """Send what is due, side by side, each by one worker; return how many were taken by their services.

    What was not tried yet goes first: a service that is away or slow holds up nobody else for longer than one attempt.
    """
    due = AttentionPush.objects.filter(due_at__lte=Now()).order_by("attempts", "due_at", "pk")[:AT_ONCE]
    chosen = [each for each in due.select_related("subscription__user") if _claim(each)]
    key = keys.find_key() if chosen else None
    prepared = [(each, message) for each in chosen if (message := _build_message(each, key))]
    answers = client.post_all([message for _, message in prepared])
    for (each, _), answer in zip(prepared, answers, strict=True):
        _settle(each, answer)
    return sum(answer.result == results.DONE for answer in answers)


def clear_old() -> None:
    """Delete what nobody tries any more."""
    AttentionPush.objects.filter(made_at__lte=Now() - GIVES_UP_AFTER, due_at__lte=Now()).delete()


def _claim(each: AttentionPush) -> bool:
    mine = AttentionPush.objects.filter(pk=each.pk, attempts=each.attempts, due_at__lte=Now())
    each.attempts += 1
    return mine.update(attempts=F("attempts") + 1, due_at=Now() + LEASE) == 1


def _build_message(each: AttentionPush, key: Key | None) -> client.Message | None:
    """Return what is sent; None, and forget it, where the person is not to be told of it any more."""
    told = None
    if PushSubscription.objects.live().filter(pk=each.subscription_id).exists():
        told = wording.find_told(each.subscription.user, each.rows)
    if told is None or key is None:
        if key is None:
            log.warning("the site's key for web push can't be opened: see the operator's guide")
        each.delete()
        return None
    return messages.build_message(each.subscription, messages.Note(told.subject, told.path), key)


def _settle(each: AttentionPush, answer: Answer) -> None:
    push.settle(each.subscription, answer)
    row = AttentionPush.objects.filter(pk=each.pk)
    if not _is_tried_again(each, answer):
        row.delete()
        return
    seconds = max(answer.retry_seconds, RETRIES[each.attempts - 1])
    row.update(due_at=Now() + timedelta(seconds=seconds))
    row.filter(due_at__gt=F("made_at") + GIVES_UP_AFTER).delete()


def _is_tried_again(each: AttentionPush, answer: Answer) -> bool:
    """Decide whether it may be taken later: a service that answered anything but that it is busy has judged it."""
    if answer.result == results.DONE or each.attempts > len(RETRIES):
        return False
    judged = answer.status is not None and answer.status != BUSY and answer.status < 500
    return not judged and answer.result != results.REFUSED_ADDRESS
