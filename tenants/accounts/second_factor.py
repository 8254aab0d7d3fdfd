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


def recorded(view: View) -> View:
    """Record what the view changes, in one transaction with it."""

    @wraps(view)
    def recording(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if request.method != "POST" or not isinstance(user, User):
            return view(request, *args, **kwargs)
        with transaction.atomic():
            before = _state(user)
            answer = view(request, *args, **kwargs)
            if kind := _change(before, _state(user)):
                events.record(kind, user=user, mail=True)
        return answer

    return recording


def turn_off(*, user: User) -> bool:
    """By the site's operator, for somebody who has lost it; whether there was one."""
    with transaction.atomic():
        if not Authenticator.objects.filter(user=user).delete()[0]:
            return False
        people.end_sessions(user=user, by=None)
        events.record(Kind.TWO_FACTOR_OFF, user=user, mail=True, by="the site's operator")
    return True


def on_refused_code(user: User, **kwargs: Any) -> None:
    """For allauth's signal, the only word that it gives of a wrong code."""
    events.record(Kind.CODE_REFUSED, user=user)


def _state(user: User) -> State:
    held = dict(Authenticator.objects.filter(user=user).values_list("type", "pk"))
    return State(Authenticator.Type.TOTP in held, held.get(Authenticator.Type.RECOVERY_CODES))


def _change(before: State, after: State) -> Kind | None:
    if before.on != after.on:
        return Kind.TWO_FACTOR_ON if after.on else Kind.TWO_FACTOR_OFF
    return Kind.CODES_MADE if after.codes and before.codes != after.codes else None
