from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.deprecation import MiddlewareMixin

from tenants.accounts import sessions

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

STREAM = "text/event-stream"


class Activity(MiddlewareMixin):
    """A session lives on while its person uses it. What a page fetches by itself says so, and does not count."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        by_itself = "X-Background" in request.headers or response.headers.get("Content-Type", "").startswith(STREAM)
        if not by_itself:
            sessions.keep(request)
        return response
