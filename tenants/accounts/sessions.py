"""Where somebody is signed in, and whether a sign-in still stands for what goes on after its request: live streams."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.db.models import Exists
from django.db.models.functions import Now
from django.http import Http404

from lib.prepared import prepared
from tenants.accounts import events
from tenants.accounts.store import STARTED
from tenants.models import AccountEvent, User
from tenants.models.people import read_person, select_person
from tenants.push import operations as push

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.sessions.backends.base import SessionBase
    from django.db.models import QuerySet
    from django.http import HttpRequest

REMEMBERED = 10_000
_kept: dict[str, float] = {}
"""When this process last wrote that a session is in use, by its key."""


class Row(NamedTuple):
    pk: int
    address: str
    device: str
    since: datetime
    seen: datetime
    current: bool


class SignIn(NamedTuple):
    """Name a sign-in on which something rests that goes on after its request.

    It stands while there is this very session, a row of Django's own table, and nobody disabled the person, ended their
    sessions or changed their password.
    """

    person: int
    epoch: int
    session: str

    @classmethod
    def of(cls, user: User, session: SessionBase) -> SignIn:
        return cls(user.pk, user.epoch, session.session_key or "")

    def get_user(self) -> User:
        """Return the person as they are now. Raises Http404 where it stands no more."""
        user = read_person(_select_standing(self.person, self.session))
        if user is None or user.epoch != self.epoch:
            raise Http404
        return user


@prepared
def _select_standing(person: int, session: str) -> QuerySet[User]:
    here = Session.objects.filter(session_key=session, expire_date__gt=Now())
    return select_person(person).filter(Exists(here), is_active=True)


def extend_session(request: HttpRequest) -> None:
    """Move the session's end, at most once a minute; nothing for strangers. A database that takes no write is no
    reason to refuse the page."""
    session, now = getattr(request, "session", None), time.time()
    if session is None or not session.accessed or not session.session_key or SESSION_KEY not in session:
        return
    if now - max(_kept.get(session.session_key, 0.0), session.get(STARTED, 0.0)) < settings.SESSION_KEPT_SECONDS:
        return
    if len(_kept) > REMEMBERED:
        _kept.clear()
    _kept[session.session_key] = now
    try:
        with transaction.atomic():
            if STARTED not in session:  # of a former version
                session[STARTED] = now
            Session.objects.filter(pk=session.session_key).update(expire_date=session.get_expiry_date())
            record_use(request)
    except DatabaseError:
        return


def record_use(request: HttpRequest) -> None:
    """Write down that the session is in use, from where and with what."""
    address = events.address_of(request)
    if not address or not request.user.is_authenticated:
        return
    agent = request.headers.get("User-Agent", "")[: UserSession._meta.get_field("user_agent").max_length]
    here = UserSession.objects.filter(session_key=request.session.session_key, user=request.user)
    if not here.update(ip=address, user_agent=agent, last_seen_at=Now()):
        UserSession.objects.create_from_request(request)


def list_sessions(request: HttpRequest, user: User) -> list[Row]:
    """List where the user is signed in: this session first, then the one in use last."""
    record_use(request)
    here = request.session.session_key
    rows = [
        Row(
            row.pk,
            row.ip,
            events.device_name(row.user_agent),
            row.created_at,
            row.last_seen_at,
            row.session_key == here,
        )
        for row in UserSession.objects.purge_and_list(user)
    ]
    return sorted(rows, key=lambda row: (row.current, row.seen), reverse=True)


def end_session(*, user: User, pk: int) -> bool:
    """End one of the user's sessions; return whether this call did."""
    return _end_sessions(user, UserSession.objects.filter(user=user, pk=pk)) > 0


def end_other_sessions(*, user: User, session_key: str) -> int:
    """End all but this one; return how many."""
    push.end_others(user=user, session=session_key)
    return _end_sessions(user, UserSession.objects.filter(user=user).exclude(session_key=session_key))


def clear_ended() -> None:
    """Forget where somebody was signed in, once the session is gone."""
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()


def _end_sessions(user: User, chosen: QuerySet[UserSession]) -> int:
    with transaction.atomic():
        keys = list(chosen.values_list("session_key", flat=True))
        chosen.filter(session_key__in=keys).delete()
        push.end_of_sessions(user=user, keys=keys)
        ended: int = Session.objects.filter(session_key__in=keys).delete()[0]
        if ended:
            events.record(AccountEvent.Kind.SESSION_ENDED, user=user)
    return ended
