"""Browsers of a person are told, and told no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from lib import web_push
from lib.outgoing import results
from lib.outgoing.addresses import is_reachable, read_networks, read_target
from lib.refusals import Refusal
from tenants import refusals
from tenants.accounts import events
from tenants.models import AccountEvent, PushSubscription, User
from tenants.models.push import LONGEST

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from lib.outgoing.results import Answer

MOST = 10  # browsers of a person
GONE = (404, 410)  # RFC 8030, 7.3, and as services answer
TAKEN = "whoever signed in there"
UNFIT = "What this browser said of its push service can't be used. Reload the page and try again."
Kind = AccountEvent.Kind


def subscribe(
    *, user: User, endpoint: str, p256dh: str, auth: str, session: str = "", browser: str = "", device: str = ""
) -> PushSubscription:
    """Have a browser told from now on; one that is already is taken anew. Raises Refusal and ValidationError."""
    told = _read(endpoint, p256dh, auth)
    found = {"session": session, "browser": browser, "device": device, "failed_at": None}
    with transaction.atomic():
        # None slips in beside whatever signs the person out everywhere.
        held = User.objects.select_for_update(no_key=True).filter(pk=user.pk, epoch=user.epoch, is_active=True)
        if not held.values_list("pk").first():
            raise Refusal(refusals.PUSH_SIGNED_OUT)
        digest = PushSubscription.digest_of(endpoint)
        _take(user, PushSubscription.objects.filter(digest=digest))
        known = PushSubscription.objects.filter(user=user)
        known.exclude(epoch=user.epoch).delete()
        if known.exclude(digest=digest).count() >= MOST:
            raise Refusal(refusals.PUSH_TOO_MANY, most=MOST)
        values = {"endpoint": endpoint, "p256dh": told.p256dh, "auth": told.auth, "epoch": user.epoch, **found}
        made, is_new = PushSubscription.objects.update_or_create(user=user, digest=digest, defaults=values)
        if is_new:
            events.record(Kind.PUSH_ADDED, user=user, browser=device)
    return made


def remove(*, user: User, pk: int) -> bool:
    """Tell one of the user's browsers nothing more; return whether this call ended it."""
    return _end(user, PushSubscription.objects.filter(user=user, pk=pk)) > 0


def end_all(*, user: User) -> None:
    """Tell no browser of the user any more, as whatever signs them out everywhere does."""
    PushSubscription.objects.filter(user=user).delete()


def end_of_sessions(*, user: User, keys: Collection[str]) -> None:
    """Tell the browsers nothing more that were signed in by these sessions."""
    PushSubscription.objects.filter(user=user, session__in=keys).delete()


def end_others(*, user: User, session: str) -> None:
    """Tell only the browser that is signed in by this session."""
    PushSubscription.objects.filter(user=user).exclude(session=session).delete()


def end_here(*, session: str, browsers: Collection[str]) -> None:
    """Tell the browser nothing more that signs out; `browsers` are its names for all whom it knows."""
    here = Q(browser__in=[name for name in browsers if name])
    PushSubscription.objects.filter(here | Q(session=session) if session else here).delete()


def follow(*, user: User, session: str, browser: str, browsers: Collection[str]) -> None:
    """Note by which session a browser is signed in that signed in again; `browsers` are its names for all whom it
    knows, and who was told there before is not any more."""
    if browser:
        PushSubscription.objects.filter(user=user, browser=browser).update(session=session)
    if others := {*browsers} - {browser, ""}:
        _take(user, PushSubscription.objects.filter(browser__in=others))


def settle(subscription: PushSubscription, answer: Answer) -> None:
    """Note what its push service answered; one that knows the browser no more ends it."""
    row = PushSubscription.objects.filter(pk=subscription.pk)
    if answer.result == results.DONE:
        row.update(told_at=Now())
    elif answer.status in GONE:
        row.delete()
    else:
        row.update(failed_at=Now())


def _read(endpoint: str, p256dh: str, auth: str) -> web_push.Browser:
    """Return whom a subscription means. Raises ValidationError."""
    try:
        target = read_target(endpoint, longest=LONGEST)
        browser = web_push.read_browser(p256dh, auth)
    except ValueError:
        raise ValidationError(UNFIT) from None
    except ValidationError:
        raise ValidationError(UNFIT) from None
    if not is_reachable(target.host, read_networks(settings.HOOK_NETWORKS)):
        raise ValidationError(UNFIT)
    return browser


@transaction.atomic
def _take(user: User, chosen: QuerySet[PushSubscription]) -> None:
    """Tell whoever had the user's browser before nothing more there."""
    for each in chosen.exclude(user=user).select_related("user"):
        if each.delete()[0]:
            events.record(Kind.PUSH_ENDED, user=each.user, browser=each.device, by=TAKEN)


@transaction.atomic
def _end(user: User, chosen: QuerySet[PushSubscription]) -> int:
    devices = list(chosen.values_list("device", flat=True))
    ended: int = chosen.delete()[0]
    if devices and ended:
        events.record(Kind.PUSH_ENDED, user=user, browser=", ".join(filter(None, devices)))
    return ended
