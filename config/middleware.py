from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin

from lib import streaming

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase


class Connections(MiddlewareMixin):
    """The answer is made: while it is sent, its connection to the database is for others. Readers may be slow."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        streaming.give_back()
        return response


class Heads(MiddlewareMixin):
    """To HEAD the headers, at once: of a file that is made while it is sent, nothing is made."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.method != "HEAD" or not response.streaming:
            return response
        return HttpResponse(status=response.status_code, headers=dict(response.items()))


class PrivatePages(MiddlewareMixin):
    """What was made for a session stays in no cache, so that Back shows nothing after signing out of a shared phone."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session = getattr(request, "session", None)
        if session is not None and session.accessed and "Cache-Control" not in response:
            response["Cache-Control"] = "private, no-store"
        return response


class Addresses(CommonMiddleware):
    """As Django's, but only who reads is led to the address with its slash: of anything else the body would be lost."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return request.method in {"GET", "HEAD"} and super().should_redirect_with_slash(request)
