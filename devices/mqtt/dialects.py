"""The same questions in the words of EMQX 5 and of mosquitto-go-auth: JSON, posted by a broker that knows the secret.

EMQX takes every status but 200 and 204 for "no opinion", so a refusal is an answer; its `no_match` has to be `deny`.
mosquitto-go-auth takes the status, or `ok` in its JSON mode: both are given. See docs/operations.md.
"""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.http import Http404, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from devices.mqtt import authorise
from devices.mqtt.views import is_broker

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from devices.mqtt.authorise import Action, Identity

    Facts = dict[str, str]
    Decide = Callable[[Facts], bool]
    View = Callable[[HttpRequest], HttpResponse]

EMQX: dict[str, Action] = {"publish": "publish", "subscribe": "subscribe"}
MOSQUITTO: dict[str, Action] = {"1": "receive", "2": "publish", "4": "subscribe"}  # MOSQ_ACL_READ, _WRITE, _SUBSCRIBE


def _answered(answer: Callable[[bool], JsonResponse]) -> Callable[[Decide], View]:
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


def _emqx(allowed: bool) -> JsonResponse:
    return JsonResponse({"result": "allow" if allowed else "deny"})


def _mosquitto(allowed: bool) -> JsonResponse:
    return JsonResponse({"ok": allowed, "error": "" if allowed else "refused"}, status=200 if allowed else 403)


def _may_connect(asked: Facts) -> bool:
    username, password = asked.get("username", ""), asked.get("password", "")
    return authorise.admit(username, password, asked.get("clientid", "")) is not None


def _may(asked: Facts, action: Action | None) -> bool:
    identity = _identity(asked)
    if identity is None or action is None:
        return False
    retain = asked.get("retain", "").lower() == "true"
    return authorise.may(identity, action, asked.get("topic", ""), retain=retain)


def _identity(asked: Facts) -> Identity | None:
    identity = authorise.identify(asked.get("username", ""))
    if identity and identity.device and identity.device.device_id != asked.get("clientid"):
        return None
    return identity


@_answered(_emqx)
def emqx_connect(asked: Facts) -> bool:
    return _may_connect(asked)


@_answered(_emqx)
def emqx_may(asked: Facts) -> bool:
    return _may(asked, EMQX.get(asked.get("action", "")))


@_answered(_mosquitto)
def mosquitto_connect(asked: Facts) -> bool:
    return _may_connect(asked)


@_answered(_mosquitto)
def mosquitto_may(asked: Facts) -> bool:
    return _may(asked, MOSQUITTO.get(asked.get("acc", "")))
