"""problem+json (RFC 9457) for everything that the people-facing API refuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import ValidationError
from rest_framework.views import exception_handler

if TYPE_CHECKING:
    from rest_framework.response import Response


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    response = exception_handler(error, context)
    if response is None:
        return None
    status = response.status_code
    problem: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(error, ValidationError):
        problem |= {"detail": "Some fields can't be accepted.", "errors": response.data}
    else:
        problem["detail"] = response.data["detail"]
    response.data = problem
    response.content_type = "application/problem+json"
    return response
