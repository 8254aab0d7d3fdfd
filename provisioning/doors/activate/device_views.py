"""What devices call to activate themselves: the vendor's statuses, which they go by, and no body but a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

from provisioning.doors import refusals
from provisioning.doors.activate import operations
from provisioning.doors.activate.form_body import parse_form
from provisioning.doors.client_certificates import read_shown
from provisioning.doors.device_http import device_view

if TYPE_CHECKING:
    from django.http import HttpRequest

    from lib.refusals import Refusal
    from provisioning.doors.device_http import Caller

NOT_FOUND, NOT_ENABLED, NOT_OURS = 404, 409, 403
STATUSES = {
    refusals.DOOR_NOT_LISTED: NOT_FOUND,
    refusals.DOOR_IDENTITY_OTHER: NOT_FOUND,
    refusals.DOOR_IDENTITY_UNFIT: NOT_FOUND,
    refusals.DOOR_UNKNOWN: NOT_OURS,
    refusals.DOOR_ADDRESS: NOT_OURS,
    refusals.CERTIFICATE_OTHER: NOT_OURS,
    refusals.CERTIFICATE_AUTHORITY: NOT_OURS,
}
GUESSES = tuple(kind for kind, status in STATUSES.items() if status == NOT_FOUND)
AS_IT_IS = {400, 401, 405, 413, 415, 429, 500, 503}
TEXT = "text/plain; charset=utf-8"


def render(refusal: Refusal) -> HttpResponse:
    if refusal.status in AS_IT_IS and refusal.kind not in STATUSES:
        return HttpResponse(refusal.message, content_type=TEXT, status=refusal.status)
    return HttpResponse(content_type=TEXT, status=STATUSES.get(refusal.kind, NOT_ENABLED))


@device_view("POST", render=render, guesses=GUESSES)
def activate(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Activate a device: `id=…`, of old firmware `vendor=…&model=…&sn=…`; with `password=…` where the door wants one,
    or by a TLS client certificate, which says the identity, too.

    A token is 200 with 40 characters and no newline, a password or a certificate 204.
    """
    sent, shown = dict(parse_form(request.body)), read_shown(request)
    password = sent.get("password")
    issued = operations.activate(
        asked=operations.Asked(
            identity=_read_line(sent.get("id") or sent.get("sn") or "") or (shown.identity if shown else ""),
            password=password,
            vendor=_read_line(sent.get("vendor", "")),
            model=_read_line(sent.get("model", "")),
            certificate=shown,
        ),
        address=caller.address,
        organisation=caller.organisation,
    )
    if password is not None or issued.certified_until:
        return HttpResponse(status=204)
    return HttpResponse(issued.access_secret, content_type=TEXT, headers={"Cache-Control": "no-store"})


def _read_line(text: str) -> str:
    """Return the text as far as a database takes it, else nothing."""
    text = text.strip()
    return text if text.isprintable() else ""
