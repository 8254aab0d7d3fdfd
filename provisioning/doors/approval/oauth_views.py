"""The same door for clients of the device authorization grant (RFC 8628): codes, polls and tokens of OAuth 2.0.

The provisioning token is the `client_id`, or the `client_secret` beside one; the access token is the registration
token, with which the device registers.
"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from lib.origins import get_site_origin
from lib.refusals import Refusal
from provisioning.doors import own_ids, refusals
from provisioning.doors.approval import operations, registration_tokens
from provisioning.doors.approval.device_views import LONGEST_NAME, LONGEST_TEXT, MOST_SAID
from provisioning.doors.approval.operations import INTERVAL, Told
from provisioning.doors.device_http import device_view
from provisioning.doors.registration import counted_at

if TYPE_CHECKING:
    from django.http import HttpRequest

    from provisioning.doors.device_http import Caller
    from provisioning.models import DoorKey

DEVICE_CODE, REFRESH = "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"
OWN = {"client_id", "client_secret", "scope", "device_id", "grant_type"}
ERRORS = {
    refusals.DOOR_UNKNOWN: "invalid_client",
    refusals.DOOR_ENDED: "invalid_client",
    refusals.DOOR_KEY_ENDED: "invalid_client",
    refusals.DOOR_KEY_EXPIRED: "invalid_client",
    refusals.OPERATION_PENDING: "authorization_pending",
    refusals.OPERATION_ASKED_OFTEN: "slow_down",
    refusals.OPERATION_CANCELLED: "access_denied",
    refusals.OPERATION_EXPIRED: "expired_token",
    refusals.OPERATION_SERVED: "expired_token",
    refusals.OPERATION_UNKNOWN: "invalid_grant",
    refusals.REGISTRATION_TOKEN_OTHER: "invalid_grant",
    refusals.GRANT_UNKNOWN: "unsupported_grant_type",
    refusals.DOOR_UNREADABLE: "invalid_request",
    refusals.DOOR_ID_UNFIT: "invalid_request",
    refusals.DOOR_IDENTITY_OTHER: "invalid_request",
}
OF_HTTP = {405: "invalid_request", 413: "invalid_request", 429: "temporarily_unavailable", 500: "server_error"}


def render(refusal: Refusal) -> HttpResponse:
    if error := ERRORS.get(refusal.kind):
        status = HTTPStatus.UNAUTHORIZED if error == "invalid_client" else HTTPStatus.BAD_REQUEST
    elif refusal.status in OF_HTTP or refusal.status >= 500:
        error, status = OF_HTTP.get(refusal.status, "temporarily_unavailable"), HTTPStatus(refusal.status)
    else:
        error, status = "unauthorized_client", HTTPStatus.BAD_REQUEST
    # To strangers it is the same whatever the cause.
    said = "The client is unknown, or works no more." if error == "invalid_client" else str(refusal)
    return _answer({"error": error, "error_description": said}, status)


@device_view("POST", render=render)
def authorize(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Let a device wait: `client_id`, `device_id`? -> `{"device_code", "user_code", "verification_uri",
    "verification_uri_complete", "expires_in", "interval"}`. Other parameters are shown to whoever approves it."""
    sent = _read_form(request)
    key = _find_key(sent, caller)
    with counted_at(key.door):
        own_id = own_ids.check_id(sent["device_id"]) if sent.get("device_id") else ""
    made = operations.start_operation(key=key, told=Told(own_id, _list_said(sent)), address=caller.address)
    page = get_site_origin(request) + reverse("provisioning:approvals")
    return _answer(
        {
            "device_code": str(made.key),
            "user_code": str(made),
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={made}",
            "expires_in": round((made.expires_at - made.started_at).total_seconds()),
            "interval": round(INTERVAL.total_seconds()),
        }
    )


@device_view("POST", render=render)
def token(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Hand out the registration token as an access token, once the device was approved; and the next one for it."""
    sent = _read_form(request)
    key = _find_key(sent, caller)
    if sent.get("grant_type") == REFRESH:
        issued = registration_tokens.refresh(key=key, token=sent.get("refresh_token", ""), address=caller.address)
    elif sent.get("grant_type") == DEVICE_CODE:
        issued = operations.poll_operation(key=key, operation=sent.get("device_code", ""), address=caller.address)
    else:
        with counted_at(key.door):
            raise Refusal(refusals.GRANT_UNKNOWN)
    answer: dict[str, object] = {"access_token": issued.token, "token_type": "Bearer", "refresh_token": issued.token}
    if issued.expires_at:
        answer["expires_in"] = max(round((issued.expires_at - timezone.now()) / timedelta(seconds=1)), 0)
    return _answer(answer)


def _read_form(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of the body. Raises Refusal, also for one that is there twice (RFC 6749, 3.2)."""
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        pairs = [("", ""), ("", "")]
    sent = dict(pairs)
    if len(sent) != len(pairs) or not all(value.isprintable() for value in sent.values()):
        raise Refusal(refusals.DOOR_UNREADABLE, what="a form, each parameter once")
    return sent


def _find_key(sent: dict[str, str], caller: Caller) -> DoorKey:
    return operations.find_key(sent.get("client_secret") or sent.get("client_id", ""), caller.organisation)


def _list_said(sent: dict[str, str]) -> dict[str, str]:
    said = [(name, text) for name, text in sent.items() if name not in OWN and text]
    fitting = [(name, text) for name, text in said if len(name) <= LONGEST_NAME and name.isprintable()]
    return {name: text[:LONGEST_TEXT] for name, text in fitting[:MOST_SAID]}


def _answer(content: dict[str, object], status: int = 200) -> HttpResponse:
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
