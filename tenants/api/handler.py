"""Every exception of an endpoint becomes problem+json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as Invalid
from django.db.models import ProtectedError
from rest_framework.exceptions import AuthenticationFailed, ErrorDetail, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from lib.problem_json import CONTENT_TYPE, describe_problem, describe_refusal
from lib.refusals import Refusal
from tenants import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

INVALID = "Some values can't be accepted."
# Of which only the status is known.
BY_STATUS = {
    kind.status: kind
    for kind in (
        refusals.INVALID,
        refusals.NOT_AUTHENTICATED,
        refusals.PERMISSION_DENIED,
        refusals.NOT_FOUND,
        refusals.METHOD_NOT_ALLOWED,
        refusals.NOT_ACCEPTABLE,
        refusals.UNSUPPORTED_MEDIA_TYPE,
        refusals.THROTTLED,
    )
}


def handle_error(error: Exception, context: dict[str, Any]) -> Response | None:
    error = _translate_error(error)
    if isinstance(error, Refusal):
        return _answer_refusal(error, context)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        where = getattr(error, "where", "pointer")
        response.data = describe_problem(refusals.INVALID, INVALID, errors=list(_list_errors(error.detail, where)))
    else:
        response.data = _describe_exception(error, response.status_code)
    response.content_type = CONTENT_TYPE
    return response


def _answer_refusal(refusal: Refusal, context: dict[str, Any]) -> Response:
    body = describe_refusal(refusal, is_read=context["request"].method in {"GET", "HEAD"})
    headers = {"Retry-After": str(refusal.retry_seconds)} if refusal.retry_seconds else {}
    return Response(body, refusal.status, headers=headers, content_type=CONTENT_TYPE)


def _describe_exception(error: Exception, status: int) -> dict[str, object]:
    """Put what the framework refuses into our words; those of a parser say where, those of a sign-in are ours."""
    said = str(error.detail) if isinstance(error, ParseError | AuthenticationFailed) else ""
    return describe_problem(
        refusals.PARSE_ERROR if isinstance(error, ParseError) else BY_STATUS.get(status, refusals.INVALID), said
    )


def _translate_error(error: Exception) -> Exception:
    """Translate Django's own errors into ours and REST framework's."""
    if isinstance(error, Invalid):
        messages = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        if "__all__" in messages:
            messages["non_field_errors"] = messages.pop("__all__")
        return ValidationError(messages)
    if isinstance(error, ProtectedError):
        return Refusal(refusals.STILL_REFERRED_TO)
    return Refusal(refusals.TOO_LARGE) if isinstance(error, RequestDataTooBig) else error


def _list_errors(detail: Any, where: str, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else f"/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _list_errors(inner, where, path + step)
    elif isinstance(detail, list):
        for n, inner in enumerate(detail):
            leaf = isinstance(inner, ErrorDetail)
            yield from _list_errors(inner, where, path if leaf else f"{path}/{n}")
    else:
        place = f"#{path}" if where == "pointer" else path.strip("/")
        yield {where: place, "detail": str(detail)}
