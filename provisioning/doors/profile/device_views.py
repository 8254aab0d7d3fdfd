"""What devices with a shared token call: the vendor's answer, and its refusals, by whose text its clients go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse

from devices.credentials.snippets import build_configuration
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.device_http import device_view, read_identity, read_json, read_text
from provisioning.doors.profile import operations

if TYPE_CHECKING:
    from django.http import HttpRequest

    from provisioning.doors.device_http import Caller

NOT_LISTED = "Device hardware code not whitelisted"
NO_PLAN = "No plan for device"  # what strangers hear, whatever the cause
TEXTS = {
    refusals.DOOR_NO_IDENTITY: NOT_LISTED,
    refusals.DOOR_NOT_LISTED: NOT_LISTED,
    refusals.DOOR_IDENTITY_OTHER: NOT_LISTED,
    refusals.DOOR_IDENTITY_UNFIT: NOT_LISTED,
    refusals.DOOR_REGISTERED: "Device already registered",
    refusals.DOOR_DEVICE_BARRED: "Device already registered",
}
AS_IT_IS = {400, 405, 413, 429, 500, 503}  # of HTTP rather than of the vendor
MOST_TAGS = 50


def render(refusal: Refusal) -> HttpResponse:
    is_own = refusal.status in AS_IT_IS and refusal.kind not in TEXTS
    text, status = (refusal.message, refusal.status) if is_own else (TEXTS.get(refusal.kind, NO_PLAN), 403)
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)


@device_view("POST", render=render)
def hand_out(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Tell a device how it connects: `{"token", "hardwareId"?, "givenName"?, "tags"?}` -> `{"hostname", "brokerHost",
    "port", "clientId", "username", "password"}`."""
    sent = read_json(request)
    listed = sent.get("tags") or []
    fit = isinstance(listed, list) and len(listed) <= MOST_TAGS and all(isinstance(tag, str) for tag in listed)
    asked = operations.Asked(
        hardware_id=read_identity(sent, "hardwareId"),
        name=read_text(sent, "givenName"),
        tags=listed if fit else None,
    )
    device, issued = operations.hand_out(
        token=read_text(sent, "token"), asked=asked, address=caller.address, organisation=caller.organisation
    )
    broker = build_configuration(device, issued)
    answer = {
        "hostname": broker["host"],
        "brokerHost": broker["host"],  # as the vendor's clients call it
        "port": broker["port"],
        "clientId": device.device_id,
        "username": issued.access_key,
        "password": issued.access_secret,
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})
