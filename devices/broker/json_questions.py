"""Questions posted as JSON by a broker that knows the secret: who may connect, who may do what on a topic."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.http import Http404, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from devices.broker import authorization
from devices.broker.rabbitmq import is_broker

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from devices.broker.authorization import Action, Identity

    Facts = dict[str, str]
    Decide = Callable[[Facts], bool]
    View = Callable[[HttpRequest], HttpResponse]


def answered(answer: Callable[[bool], JsonResponse]) -> Callable[[Decide], View]:
    def decorate(decide: Decide) -> View:
        @csrf_exempt
        @wraps(decide)
        def view(request: HttpRequest) -> HttpResponse:
            if request.method != "POST" or not is_broker(request):
                raise Http404
            return answer(decide(_facts(request.body)))

        return view

    return decorate


def _facts(body: bytes) -> Facts:
    """The members of a JSON object as texts; of anything else none."""
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    simple = given.items() if isinstance(given, dict) else ()
    return {name: str(value) for name, value in simple if isinstance(value, str | int)}


def may_connect(asked: Facts) -> bool:
    username, password = asked.get("username", ""), asked.get("password", "")
    return authorization.admit(username, password, asked.get("clientid", "")) is not None


def may(asked: Facts, action: Action | None) -> bool:
    identity = _identity(asked)
    if identity is None or action is None:
        return False
    retain = asked.get("retain", "").lower() == "true"
    return authorization.may(identity, action, asked.get("topic", ""), retain=retain)


def _identity(asked: Facts) -> Identity | None:
    identity = authorization.identify(asked.get("username", ""))
    if identity and identity.device and identity.device.device_id != asked.get("clientid"):
        return None
    return identity
