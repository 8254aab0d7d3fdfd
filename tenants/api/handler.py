"""Every exception of an endpoint becomes problem+json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as Invalid
from django.db.models import ProtectedError
from rest_framework.exceptions import APIException, ErrorDetail, NotAuthenticated, ValidationError
from rest_framework.views import exception_handler

from tenants.api.problems import CONTENT_TYPE, KINDS, Conflict, Problem, problem
from tenants.errors import Beyond, Changed, Stale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest_framework.response import Response

# What REST framework calls them.
CODES = {"parse_error": "parse-error", "authentication_failed": "not-authenticated"}


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    error = _translated(error)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        where = getattr(error, "where", "pointer")
        response.data = problem("invalid", "Some values can't be accepted.", errors=list(_errors(error.detail, where)))
    else:
        code = getattr(error.detail, "code", "") if isinstance(error, APIException) else ""
        members = error.members if isinstance(error, Problem) else {}
        said = "" if isinstance(error, NotAuthenticated) else str(response.data["detail"])
        response.data = problem(_slug(code, response.status_code), said, **members)
    response.content_type = CONTENT_TYPE
    return response


def _slug(code: str, answered: int) -> str:
    slug = CODES.get(code, code.replace("_", "-"))
    if slug in KINDS and KINDS[slug].status == answered:
        return slug
    return next((kind.slug for kind in KINDS.values() if kind.status == answered), "invalid")


def _translated(error: Exception) -> Exception:
    """Django's own, in REST framework's words."""
    if isinstance(error, (Changed, Beyond, Stale)):
        return Conflict(" ".join(error.messages))
    if isinstance(error, Invalid):
        said = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        if "__all__" in said:
            said["non_field_errors"] = said.pop("__all__")
        return ValidationError(said)
    if isinstance(error, ProtectedError):
        return Conflict("Something else still refers to it, such as a history that is kept.")
    return Problem("too-large") if isinstance(error, RequestDataTooBig) else error


def _errors(detail: Any, where: str, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == "non_field_errors" else f"/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from _errors(inner, where, path + step)
    elif isinstance(detail, list):
        for n, inner in enumerate(detail):
            leaf = isinstance(inner, ErrorDetail)
            yield from _errors(inner, where, path if leaf else f"{path}/{n}")
    else:
        place = f"#{path}" if where == "pointer" else path.strip("/")
        yield {where: place, "detail": str(detail)}
