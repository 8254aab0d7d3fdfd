"""problem+json (RFC 9457) for everything that the people-facing API refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.views import exception_handler

if TYPE_CHECKING:
    from rest_framework.response import Response


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    response = exception_handler(error, context)
    if response is not None:
        title = getattr(error, "default_detail", "") or "Not found."
        response.data = {
            "type": "about:blank",
            "title": str(title),
            "status": response.status_code,
            "detail": response.data,
        }
        response.content_type = "application/problem+json"
    return response
