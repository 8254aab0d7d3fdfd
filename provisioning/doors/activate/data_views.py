"""What activated devices call: they write, read and record by the names of attributes, in texts."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.urls import include, path
from django.utils.http import http_date

from lib.addresses import normalise_address
from lib.turns import out_of_turn_if
from provisioning.doors import refusals
from provisioning.doors.activate import data, polling
from provisioning.doors.activate.content_views import answer_download
from provisioning.doors.activate.form_body import parse_form, parse_names, write_form
from provisioning.doors.client_certificates import read_shown
from provisioning.doors.device_http import device_view, waiting_view
from tenants.accounts.events import address_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.urls import URLPattern, URLResolver

    from devices.models import Credential
    from lib.refusals import Refusal
    from provisioning.doors.device_http import Caller

LARGEST = 64 << 10  # bytes of a body
TEXT = "text/plain; charset=utf-8"
CERTIFICATE = (
    refusals.CERTIFICATE_UNPROVED,
    refusals.CERTIFICATE_UNREADABLE,
    refusals.CERTIFICATE_EARLY,
    refusals.CERTIFICATE_EXPIRED,
)
FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Held(HttpResponse):
    """Say that the answer is one that is waited for."""

    def __init__(self, poll: polling.Poll) -> None:
        super().__init__(status=304)
        self.poll = poll


def render(refusal: Refusal) -> HttpResponse:
    if refusal.kind is refusals.DATA_CONFLICT:
        conflicts: dict[str, list[str]] = refusal.members["conflicts"]  # type: ignore[assignment]
        told = "&".join(f"{alias}={','.join(moments)}" for alias, moments in conflicts.items())
        return HttpResponse(told, content_type=FORM, status=409)
    if refusal.kind in CERTIFICATE:  # whoever has it knows that much
        return HttpResponse(refusal.message, content_type=TEXT, status=401)
    if refusal.kind is refusals.CONTENT_RANGE:
        size = {"Content-Range": f"bytes */{refusal.facts['size']}"}
        return HttpResponse(refusal.message, content_type=TEXT, status=416, headers=size)
    if refusal.status == 401 or refusal.kind is refusals.DOOR_UNKNOWN:
        return HttpResponse(content_type=TEXT, status=401, headers={"WWW-Authenticate": "Token"})
    return HttpResponse(refusal.message, content_type=TEXT, status=refusal.status)


def list_urls(site: data.Site) -> list[URLPattern | URLResolver]:
    """Return the addresses of the device data API; each is known by both of its prefixes, and below `/o/`."""

    @device_view("GET", "POST", render=render, largest=LARGEST)
    def hear(request: HttpRequest, caller: Caller) -> HttpResponse:
        """Write what is in the body (POST), and read what the query names; or say what is to be waited for."""
        credential, names = _authenticate(request, caller), parse_names(request.META.get("QUERY_STRING", ""))
        if request.method == "POST":
            with data.counted_of(credential.device):
                data.write(site, credential.device, parse_form(request.body))
        latest = site.read_latest(credential.device)
        waits = request.method == "GET" and names
        seconds = polling.read_seconds(request.headers.get("Request-Timeout", "")) if waits else None
        if seconds is not None:
            since = polling.read_since(request.headers.get("If-Modified-Since", ""))
            return Held(polling.Poll(site, credential, names, seconds, since, latest))
        return _answer(data.choose(latest, names))

    @out_of_turn_if(lambda headers: b"request-timeout" in headers)
    @waiting_view(render=render)
    async def alias(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Answer at once, or once something changed: no thread waits for that."""
        if "Request-Timeout" not in request.headers:
            return await sync_to_async(hear)(request, **kwargs)
        answer = await polling.begin(partial(hear, request, **kwargs), normalise_address(address_of(request)))
        return await _wait(answer.poll) if isinstance(answer, Held) else answer

    @device_view("POST", render=render, largest=LARGEST)
    def record(request: HttpRequest, caller: Caller) -> HttpResponse:
        """Store values of moments that are past."""
        device = _authenticate(request, caller).device
        with data.counted_of(device):
            data.record(site, device, parse_form(request.body))
        return HttpResponse(status=204)

    @device_view("GET", render=render)
    def download(request: HttpRequest, caller: Caller) -> HttpResponse:
        """Tell which content there is for the device, or send it."""
        device = _authenticate(request, caller).device
        with data.counted_of(device):
            return answer_download(request, device)

    addresses = [
        path("provision/download", download, name="device-download"),
        path("timestamp", timestamp, name="device-timestamp"),
        path("onep:v1/stack/alias", alias, name="device-alias"),
        path("api:v1/stack/alias", alias, name="device-alias-api"),
        path("onep:v1/stack/record", record, name="device-record"),
        path("api:v1/stack/record", record, name="device-record-api"),
    ]
    return [*addresses, path("o/<slug:organisation>/", include(addresses))]


@device_view("GET", render=render)
def timestamp(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Tell the time, in whole seconds since the epoch."""
    return HttpResponse(str(int(time.time())), content_type=TEXT, headers={"Cache-Control": "no-store"})


def _authenticate(request: HttpRequest, caller: Caller) -> Credential:
    return data.authenticate(
        token=request.headers.get("X-Exosite-CIK", "").strip(),
        authorization=request.headers.get("Authorization", ""),
        certificate=read_shown(request),
        address=caller.address,
        organisation=caller.organisation,
    )


async def _wait(poll: polling.Poll) -> HttpResponse:
    changed = await polling.wait(poll)
    if not changed:
        return HttpResponse(status=304)
    answer = _answer(data.choose(changed, poll.names))
    answer["Last-Modified"] = http_date(max(at for _, at in changed.values()) // 1000)
    return answer


def _answer(values: Sequence[tuple[str, str]]) -> HttpResponse:
    if not values:
        return HttpResponse(status=204)
    return HttpResponse(write_form(values), content_type=FORM, headers={"Cache-Control": "no-store"})
