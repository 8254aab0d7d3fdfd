"""What devices with a provisioning token call: problem+json, and the statuses by which the vendor's SDK goes.

To it 400 and 401 are final, 410 with one `type` too; another 410 makes it start over, 401 to a registration token makes
it provision again, and whatever else is asked again after five seconds, for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, JsonResponse

from devices.credentials.snippets import build_configuration
from lib.problem_json import CONTENT_TYPE
from lib.refusals import Refusal
from provisioning.doors import own_ids, refusals
from provisioning.doors.approval import operations, registering, registration_tokens
from provisioning.doors.approval.operations import Told
from provisioning.doors.device_http import device_view, read_json, read_text
from provisioning.doors.registration import counted_at

if TYPE_CHECKING:
    from django.http import HttpRequest

    from provisioning.doors.device_http import Caller

SCHEMES = ("devicetoken", "bearer")
PROBLEMS = "/problems/deviceProvisioning/"
TYPES = {
    refusals.OPERATION_CANCELLED: f"{PROBLEMS}provisioningOperationCancelled",
    refusals.OPERATION_EXPIRED: f"{PROBLEMS}provisioningOperationExpired",
    refusals.OPERATION_SERVED: f"{PROBLEMS}provisioningOperationExpired",
    refusals.OPERATION_UNKNOWN: f"{PROBLEMS}provisioningOperationNotFound",
}
STATUSES = {
    # Final.
    refusals.DOOR_ENDED: 401,
    refusals.DOOR_IDENTITY_OTHER: 400,
    # Asked again: an admin may mend it.
    refusals.DOOR_EXPIRED: 423,
    refusals.DOOR_FULL: 423,
    refusals.DOOR_KEY_FULL: 423,
    refusals.DOOR_DEVICE_BARRED: 423,
}
MOST_SAID, LONGEST_NAME, LONGEST_TEXT = 10, 40, 120  # of what a device says of itself
KIND_OF_CREDENTIAL = "SharedAccessSignature"


def render(instance: str, refusal: Refusal) -> HttpResponse:
    status = STATUSES.get(refusal.kind, refusal.status)
    problem: dict[str, object] = {
        "type": TYPES.get(refusal.kind, f"{PROBLEMS}{refusal.code}"),
        "title": refusal.message,
        "status": status,
        "detail": str(refusal),
        "instance": instance,
    }
    if status == HTTPStatus.UNAUTHORIZED:  # one to strangers, whatever the cause
        detail = "The token is unknown, or works no more."
        problem |= {"type": f"{PROBLEMS}unauthorized", "title": "Unauthorized", "detail": detail}
    return JsonResponse(problem, status=status, content_type=CONTENT_TYPE)


@device_view("POST", render=partial(render, "/provisioning-operations/init"))
def init(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Let a device wait: `{"deviceId"?, …}` -> `{"provisioningOperationId", "verificationCode", "expirationTime"}`.

    Other texts in it are shown to whoever approves it.
    """
    key = operations.find_key(read_token(request), caller.organisation)
    with counted_at(key.door):
        told = read_told(request)
    made = operations.start_operation(key=key, told=told, address=caller.address)
    return _answer(
        provisioningOperationId=str(made.key), verificationCode=str(made), expirationTime=write_time(made.expires_at)
    )


@device_view("PUT", render=partial(render, "/provisioning-operations/complete"))
def complete(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Hand out the registration token: `{"provisioningOperationId"}` -> 202 while nobody decided, then
    `{"registrationToken", "expirationTime"}`."""
    key = operations.find_key(read_token(request), caller.organisation)
    with counted_at(key.door):
        asked = _read_needed(request, "provisioningOperationId")
    issued = operations.complete_operation(key=key, operation=asked, address=caller.address)
    return HttpResponse(status=202) if issued is None else _answer_token(issued)


@device_view("PUT", render=partial(render, "/devices/registration-tokens/refresh"))
def refresh(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Hand out the next registration token: `{"registrationToken"}` -> `{"registrationToken", "expirationTime"}`."""
    key = operations.find_key(read_token(request), caller.organisation)
    with counted_at(key.door):
        sent = _read_needed(request, "registrationToken")
    return _answer_token(registration_tokens.refresh(key=key, token=sent, address=caller.address))


@device_view("PUT", render=partial(render, "/devices/register"))
def register(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Tell a device how it connects: `{"connectionStringType": "SharedAccessSignature"}` -> `{"connectionString",
    "iotHubHostName", "connectionStringType", "connectionStringExpiration", "tokenRemainingLifetime"}`."""
    token = read_token(request)
    with registration_tokens.counted_for(token, caller.organisation):
        if read_json(request).get("connectionStringType", KIND_OF_CREDENTIAL) != KIND_OF_CREDENTIAL:
            raise Refusal(refusals.DOOR_UNREADABLE, what=f"of the connectionStringType {KIND_OF_CREDENTIAL}")
    made = registering.register(token=token, address=caller.address, organisation=caller.organisation)
    device, issued = made.device, made.issued
    host = str(build_configuration(device, issued)["host"])
    who = f"{device.organisation.slug}:{device.own_id}"
    credential = f"{device.device_id}.{issued.access_key}.{issued.access_secret}"
    return _answer(
        connectionString=f"HostName={host};DeviceId={who};{KIND_OF_CREDENTIAL}={credential}",
        iotHubHostName=host,
        connectionStringType=KIND_OF_CREDENTIAL,
        connectionStringExpiration=write_time(made.expires_at),
        tokenRemainingLifetime=write_span(made.remaining) if made.remaining is not None else None,
    )


def read_token(request: HttpRequest) -> str:
    """Return the token of the Authorization header. Raises Refusal."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() not in SCHEMES or not token.strip():
        raise Refusal(refusals.DOOR_UNKNOWN)
    return token.strip()


def read_told(request: HttpRequest) -> Told:
    """Return what a device says of itself. Raises Refusal."""
    sent = read_json(request)
    own_id = "" if sent.get("deviceId") is None else own_ids.check_id(sent["deviceId"])
    agent = "".join(each for each in request.headers.get("User-Agent", "") if each.isprintable())
    said = {name: _read_said(value) for name, value in list(sent.items())[:MOST_SAID] if name != "deviceId"}
    kept = {name: text for name, text in said.items() if text and len(name) <= LONGEST_NAME and name.isprintable()}
    return Told(own_id, {"User-Agent": agent[:LONGEST_TEXT], **kept} if agent else kept)


def _read_said(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return "".join(each for each in str(value)[:LONGEST_TEXT] if each.isprintable())


def write_time(at: datetime) -> str:
    """Return the time as RFC 3339 has it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_span(span: timedelta) -> str:
    """Return the time as .NET writes it: `[d.]hh:mm:ss`."""
    whole = max(span, timedelta())
    hours, rest = divmod(whole.seconds, 3600)
    clock = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    return f"{whole.days}.{clock}" if whole.days else clock


def _read_needed(request: HttpRequest, name: str) -> str:
    text = read_text(read_json(request), name)
    if not text:
        raise Refusal(refusals.DOOR_UNREADABLE, what=f"a JSON object with the text `{name}`")
    return text


def _answer_token(issued: registration_tokens.Issued) -> HttpResponse:
    ends = write_time(issued.expires_at) if issued.expires_at else None
    return _answer(registrationToken=issued.token, expirationTime=ends)


def _answer(**content: object) -> HttpResponse:
    return JsonResponse(content, headers={"Cache-Control": "no-store"})
