"""How every door hears devices over HTTP: who calls, how large a body may be, how often it may guess, what it is told.

A door's view raises `Refusal`; its kind's `render` says it as the vendor's devices know it. To strangers that is the
same whatever the cause.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http.request import RawPostDataException, UnreadablePostError

from lib.addresses import normalise_address
from lib.device_facing import mark_device_facing
from lib.log import note
from lib.origins import get_requested_host
from lib.parsing import parse_whole_number
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.organisations import find_organisation
from tenants import refusals as site_refusals
from tenants.accounts.events import address_of
from tenants.api.throttles import count_request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping

    from django.http import HttpRequest, HttpResponse

    from lib.refusals import Kind
    from tenants.models import Organisation

    Render = Callable[[Refusal], HttpResponse]
    View = Callable[..., HttpResponse]
    WaitingView = Callable[..., Coroutine[Any, Any, HttpResponse]]

log = logging.getLogger(__name__)

LARGEST = 16 << 10  # bytes of a body
SPAN = 60  # seconds in which refusals of an address are counted
AWAY = OperationalError, InterfaceError


class Caller(NamedTuple):
    """Hold where a request comes from, and the organisation that it asks for by host or path, if it names one."""

    address: str | None
    organisation: Organisation | None


def device_view(
    *methods: str, render: Render, largest: int = LARGEST, guesses: Collection[Kind] = ()
) -> Callable[[View], View]:
    """Decorate a door's view, which gets the request and its `Caller`: devices call it with these methods alone.

    Who is refused as a stranger is counted, and so is who is refused for one of the `guesses`.
    """

    def decorate(view: View) -> View:
        @mark_device_facing
        @wraps(view)
        def wrapper(request: HttpRequest, organisation: str = "", **kwargs: Any) -> HttpResponse:
            try:
                return _hear(request, organisation, kwargs)
            except Refusal as refusal:
                return say_refusal(refusal, render)
            except AWAY as error:
                log.warning("503 %s: %s", view.__name__, " ".join(str(error).split()))
                return say_refusal(Refusal(site_refusals.UNAVAILABLE, retry_seconds=5), render)
            except Exception:
                log.exception("a door's view failed: %s", view.__name__)
                return say_refusal(Refusal(site_refusals.SERVER_ERROR), render)

        def _hear(request: HttpRequest, organisation: str, kwargs: dict[str, Any]) -> HttpResponse:
            if request.method not in methods:
                raise Refusal(refusals.DOOR_METHOD, methods=" or ".join(methods))
            address = address_of(request)
            with guesses_counted(address, guesses):
                _require_small(request, largest)
                if asked := find_organisation(_find_host(request), organisation):
                    note(organisation_id=asked.pk)
                return view(request, Caller(address, asked), **kwargs)

        return wrapper

    return decorate


def waiting_view(*, render: Render) -> Callable[[WaitingView], WaitingView]:
    """Decorate a coroutine around a door's view, which waits for something before or after it."""

    def decorate(view: WaitingView) -> WaitingView:
        @mark_device_facing
        @wraps(view)
        async def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            try:
                return await view(request, **kwargs)
            except Refusal as refusal:
                return say_refusal(refusal, render)
            except Exception:
                log.exception("a door's view failed: %s", view.__name__)
                return say_refusal(Refusal(site_refusals.SERVER_ERROR), render)

        return wrapper

    return decorate


def read_json(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that was sent. Raises Refusal."""
    try:
        sent = json.loads(request.body.decode())
    except (ValueError, RecursionError, UnreadablePostError, RawPostDataException):
        sent = None
    if not isinstance(sent, dict):
        raise Refusal(refusals.DOOR_UNREADABLE, what="a JSON object")
    return sent


def read_text(sent: Mapping[str, Any], name: str) -> str:
    """Return what was sent under a name, as far as it is text that a database takes; else nothing."""
    value = sent.get(name)
    return value if isinstance(value, str) and "\0" not in value and value.isprintable() else ""


def read_identity(sent: Mapping[str, Any], name: str) -> str | None:
    """Return what a device calls itself: "" where it says nothing, None where that is no text of printable letters.
    Taken for nothing, it would be another device each time that it asks."""
    value = sent.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    return read_text(sent, name).strip() or None


@contextmanager
def guesses_counted(address: str | None, guesses: Collection[Kind] = ()) -> Iterator[None]:
    """Count at the address who is refused within as a stranger, or for one of the `guesses`. Raises Refusal at once for
    one that was too often of late."""
    if (cache.get(_name_count(address)) or 0) >= settings.DOOR_REFUSALS_ADDRESS:
        raise Refusal(refusals.DOOR_LIMITED, retry_seconds=SPAN)
    try:
        yield
    except Refusal as refusal:
        if refusal.status == HTTPStatus.UNAUTHORIZED or refusal.kind in guesses:
            count_request(_name_count(address), SPAN * 2)
        raise


def _find_host(request: HttpRequest) -> str:
    try:
        return get_requested_host(request)
    except DisallowedHost:
        raise Refusal(refusals.DOOR_UNKNOWN) from None


def _name_count(address: str | None) -> str:
    return f"door-refused:{normalise_address(address)}:{_read_minute()}"


def _read_minute() -> int:
    return int(time.time()) // SPAN


def _require_small(request: HttpRequest, largest: int) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    said = parse_whole_number(length)
    if length != str(said) or said > largest or len(request.body) > largest:
        raise Refusal(refusals.DOOR_BODY_TOO_LARGE, most=largest)


def say_refusal(refusal: Refusal, render: Render) -> HttpResponse:
    """Return a refusal as the vendor's devices know it, with the headers that HTTP has for it."""
    answer = render(refusal)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # strangers fill no log
    if refusal.retry_seconds:
        answer["Retry-After"] = str(refusal.retry_seconds)
    if refusal.kind is refusals.DOOR_METHOD:
        answer["Allow"] = refusal.facts["methods"].replace(" or ", ", ")
    return answer
