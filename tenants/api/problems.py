"""What the people-facing API refuses, as problem+json (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

if TYPE_CHECKING:
    from django import forms

DOCS = "/api/docs/"
CONTENT_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """A problem's `type` is the docs page's address and `#problem-<slug>`; its title is the status's own."""

    slug: str
    status: int
    meaning: str


KINDS = {
    kind.slug: kind
    for kind in (
        Kind("parse-error", 400, "The body can't be read: it is not JSON, or nested too deeply."),
        Kind("invalid", 400, "Some values can't be accepted; `errors` names each, and nothing was done."),
        Kind("not-authenticated", 401, "Send a token that is live: `Authorization: Bearer hdo_…`."),
        Kind("permission-denied", 403, "A browser's request came without its CSRF token."),
        Kind("not-found", 404, "There is no such thing, or it is not yours: the two are told apart by nobody."),
        Kind("no-slash", 404, "Addresses end in `/`, and this one does not. Nothing was done; send it again with it."),
        Kind("method-not-allowed", 405, "This address does not take this method; `Allow` names those that it takes."),
        Kind("not-acceptable", 406, "This address can't answer in the form that `Accept` asks for."),
        Kind("conflict", 409, "What is there does not allow it (any more). Read it again, then decide."),
        Kind(
            "secret-shown-once",
            409,
            "This Idempotency-Key was carried out before, and its answer held a secret, which is shown once. "
            "`resource` is what was made: if the secret is lost, issue a new one there.",
        ),
        Kind("precondition-failed", 412, "It changed since the version that `If-Match` names; nothing was done."),
        Kind("gone", 410, "It was handed over already, or its time is over. What was in it can't be shown again."),
        Kind("too-slow", 408, "The body came too slowly; nothing was done. Send it again over a better connection."),
        Kind("too-large", 413, "The body is larger than is taken."),
        Kind(
            "unsupported-media-type",
            415,
            "Send `Content-Type: application/json`, or `multipart/form-data` where a file is uploaded.",
        ),
        Kind("idempotency-key-reused", 422, "This Idempotency-Key belongs to another request. Take a new one."),
        Kind("throttled", 429, "Too many requests; `Retry-After` says for how many seconds to wait."),
        Kind(
            "too-many-uploads", 429, "Other uploads of yours or your organisation's go on. Send it when one has ended."
        ),
        Kind("server-error", 500, "Our fault. Nothing was done; try again, with the same Idempotency-Key."),
        Kind(
            "unavailable",
            503,
            "The database can't be reached, or is very busy. Try again after `Retry-After` seconds, with the same "
            "Idempotency-Key: nothing is then done twice.",
        ),
    )
}


class Conflict(APIException):
    """409: what is there does not allow it. The detail says why, and what to do."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = KINDS["conflict"].meaning
    default_code = "conflict"


class Problem(APIException):
    """A problem of a kind, with further members."""

    def __init__(self, slug: str, detail: str = "", **members: object) -> None:
        self.status_code = KINDS[slug].status
        self.members = members
        super().__init__(detail or KINDS[slug].meaning, slug)


def refused(form: forms.BaseForm) -> ValidationError:
    """What a form says, for the API."""
    said = {name: [str(each) for each in errors] for name, errors in form.errors.items()}
    if "__all__" in said:
        said["non_field_errors"] = said.pop("__all__")
    return ValidationError(said)


class BadQuery(ValidationError):
    """Errors of query parameters: name -> messages."""

    where = "parameter"


class BadHeader(ValidationError):
    """Errors of headers: name -> messages."""

    where = "header"


def problem(slug: str, detail: str = "", **members: object) -> dict[str, object]:
    kind = KINDS[slug]
    title = HTTPStatus(kind.status).phrase
    return {
        "type": f"{DOCS}#problem-{slug}",
        "title": title,
        "status": kind.status,
        "detail": detail or kind.meaning,
        **members,
    }
