"""What devices with a signed token call: the vendor's three answers, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, JsonResponse

from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.device_http import device_view, read_json, read_text
from provisioning.doors.jwt import operations

if TYPE_CHECKING:
    from django.http import HttpRequest

    from provisioning.doors.device_http import Caller

TEXTS = {
    refusals.DOOR_NO_IDENTITY: "Missing manufacturerId field.",
    refusals.DOOR_UNREADABLE: "Missing manufacturerId field.",
    refusals.DOOR_REGISTERED: "Device already registered.",
}
OTHERS = "Invalid registration token"
AS_IT_IS = {405, 413, 429, 500, 503}  # of HTTP rather than of the vendor


def render(refusal: Refusal) -> HttpResponse:
    if refusal.status in AS_IT_IS:
        return JsonResponse({"error": refusal.message}, status=refusal.status)
    return JsonResponse({"error": TEXTS.get(refusal.kind, OTHERS)}, status=403)


@device_view("POST", render=render)
def register(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Let a device in: `{"token", "manufacturerId"}` -> `{"deviceId", "accessKey", "accessSecret"}`."""
    sent = read_json(request)
    if not (identity := read_text(sent, "manufacturerId").strip()):
        raise operations.refuse_nameless(token=sent.get("token"), organisation=caller.organisation)
    device, issued = operations.register(
        token=sent.get("token"), identity=identity, address=caller.address, organisation=caller.organisation
    )
    assert issued is not None
    secret = {"accessKey": issued.access_key, "accessSecret": issued.access_secret}
    return JsonResponse({"deviceId": device.device_id, **secret}, headers={"Cache-Control": "no-store"})
