from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from csp.constants import HEADER
from csp.utils import build_policy
from django.http import HttpResponse
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject, empty

from lib import log, metrics, streaming

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from django.http import HttpRequest, HttpResponseBase


WORDS = ("text/", "application/json", "application/problem+json", "application/openapi", "image/svg+xml")


class Compression(GZipMiddleware):
    """Compress pages and JSON. Streams go out as they are made; an ETag that says If-Match stays a strong one.

    Django adds up to 100 random bytes, so that lengths tell nothing of a secret beside a text of one's own (BREACH).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.get("Content-Type", "")
        if response.streaming or response.has_header("ETag") or not kind.startswith(WORDS):
            return response
        return super().process_response(request, response)


class ContentPolicy(MiddlewareMixin):
    """Say what a page may load, which is the same for all: written down once, and not for each answer."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.policy = build_policy()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault(HEADER, self.policy)
        return response


class Metrics(MiddlewareMixin):
    """Count each request by its route, and how long its answer took."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.async_mode:
            return self.__acall__(request)
        began = time.monotonic()
        response = cast("HttpResponseBase", self.get_response(request))
        metrics.count_request(request, response, time.monotonic() - began)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        metrics.count_request(request, response, time.monotonic() - began)
        return response


class Connections(MiddlewareMixin):
    """Give the connection to the database back once the answer is made: who reads it may be slow."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        streaming.give_back_connection()
        return response


class Heads(MiddlewareMixin):
    """Answer HEAD with the headers, at once: of a file that is made while it is sent, nothing is made."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.method != "HEAD" or not response.streaming:
            return response
        return HttpResponse(status=response.status_code, headers=dict(response.items()))


class PrivatePages(MiddlewareMixin):
    """Keep what was made for a session out of caches: Back shows nothing after signing out of a shared phone."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session = getattr(request, "session", None)
        if session is not None and session.accessed and "Cache-Control" not in response:
            response["Cache-Control"] = "private, no-store"
        return response


class Addresses(CommonMiddleware):
    """Redirect to the address with its slash as Django does, but only who reads: else the body would be lost."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return request.method in {"GET", "HEAD"} and super().should_redirect_with_slash(request)


class LogWho(MiddlewareMixin):
    """Let the log's lines say whose request it is, once that is known; nobody is looked up for it."""

    def process_request(self, request: HttpRequest) -> None:
        log.look_up(lambda: _identify_known(request))


def _identify_known(request: HttpRequest) -> dict[str, str | int]:
    """Return the ids of the user whom somebody has loaded already: of the session, or of an API token."""
    user: object = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject):
        user = user.__dict__["_wrapped"]
    if user is empty or user is None:
        user = request.__dict__.get("_acached_user")
    ids = {"user_id": getattr(user, "pk", None), "organisation_id": getattr(user, "organisation_id", None)}
    return {name: value for name, value in ids.items() if value is not None}
