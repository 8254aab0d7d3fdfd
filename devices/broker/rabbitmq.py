"""A production broker's questions over HTTP: RabbitMQ's `rabbitmq_auth_backend_http`.

The broker proves itself with the shared secret as the password of its URLs (`http://rabbitmq:<secret>@site/broker/…`),
which its HTTP client sends as Basic authentication: in a header, so that no access log has it. For everybody else
these pages do not exist.
"""

from __future__ import annotations

from base64 import b64decode
from functools import wraps
from hmac import compare_digest
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from devices.broker import authorization

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, QueryDict

    from devices.broker.authorization import Action, Identity

EXCHANGE = "amq.topic"
QUEUE = "mqtt-subscription-"
ACTIONS: dict[str, Action] = {"write": "publish", "read": "subscribe"}
TO_MQTT = str.maketrans({".": "/", "/": ".", "*": "+"})


def _decision(decide: Callable[[QueryDict], bool]) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @wraps(decide)
    def view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not is_broker(request):
            raise Http404
        return HttpResponse("allow" if decide(request.POST) else "deny", content_type="text/plain")

    return view


def is_broker(request: HttpRequest) -> bool:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        secret = b64decode(encoded, validate=True).partition(b":")[2]
    except ValueError:
        return False
    expected = settings.BROKER_AUTH_SECRET.encode()
    return scheme == "Basic" and bool(expected) and compare_digest(secret, expected)


@_decision
def user(asked: QueryDict) -> bool:
    username, password = asked.get("username", ""), asked.get("password", "")
    return authorization.admit(username, password, asked.get("client_id", "")) is not None


@_decision
def vhost(asked: QueryDict) -> bool:
    return asked.get("vhost") == "/" and _identity(asked) is not None


@_decision
def resource(asked: QueryDict) -> bool:
    """The exchange is everybody's, since `topic` decides what passes through it; a queue is its client's."""
    kind, name = asked.get("resource"), asked.get("name", "")
    if (kind, name) == ("exchange", EXCHANGE):
        return asked.get("permission") in ACTIONS and _identity(asked) is not None
    if kind != "queue" or not name.startswith(QUEUE):
        return False
    identity = _identity(asked)
    return identity is not None and (identity.device is None or name.startswith(QUEUE + identity.device.device_id))


@_decision
def topic(asked: QueryDict) -> bool:
    action = ACTIONS.get(asked.get("permission", ""))
    identity = _identity(asked)
    if action is None or identity is None or asked.get("name") != EXCHANGE:
        return False
    return authorization.may(identity, action, asked.get("routing_key", "").translate(TO_MQTT))


def _identity(asked: QueryDict) -> Identity | None:
    """Whose client it is; a client id that is told must be the device's."""
    identity = authorization.identify(asked.get("username", ""))
    client_id = asked.get("client_id", asked.get("variable_map.client_id"))
    if identity and identity.device and client_id not in (None, identity.device.device_id):
        return None
    return identity
