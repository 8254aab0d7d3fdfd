"""Changes of the second factor, which allauth makes."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.mfa.models import Authenticator
from django.db import transaction

from tenants.accounts import events
from tenants.models import AccountEvent, User
from tenants.people import operations as people

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    View = Callable[..., HttpResponseBase]

Kind = AccountEvent.Kind


class State(NamedTuple):
    on: bool
    codes: int | None  # the row of the recovery codes: new ones are a new row


def record_changes(view: View) -> View:
    """Record what the view changes, in one transaction with it."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if request.method != "POST" or not isinstance(user, User):
            return view(request, *args, **kwargs)
        with transaction.atomic():
            before = _read_state(user)
            answer = view(request, *args, **kwargs)
            if kind := _compare_states(before, _read_state(user)):
                events.record(kind, user=user, mail=True)
        return answer

    return wrapper


def turn_off(*, user: User) -> bool:
    """Turn it off, as the site's operator does for somebody who has lost it; return whether there was one."""
    with transaction.atomic():
        if not Authenticator.objects.filter(user=user).delete()[0]:
            return False
        people.end_sessions(user=user, by=None)
        events.record(Kind.TWO_FACTOR_OFF, user=user, mail=True, by="the site's operator")
    return True


def on_refused_code(user: User, **kwargs: Any) -> None:
    """Record a wrong code: allauth's signal is the only word that it gives of one."""
    events.record(Kind.CODE_REFUSED, user=user)


def _read_state(user: User) -> State:
    ids = dict(Authenticator.objects.filter(user=user).values_list("type", "pk"))
    return State(Authenticator.Type.TOTP in ids, ids.get(Authenticator.Type.RECOVERY_CODES))


def _compare_states(before: State, after: State) -> Kind | None:
    if before.on != after.on:
        return Kind.TWO_FACTOR_ON if after.on else Kind.TWO_FACTOR_OFF
    return Kind.CODES_MADE if after.codes and before.codes != after.codes else None
