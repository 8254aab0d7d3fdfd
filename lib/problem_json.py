"""Refusals for programs: problem+json (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.refusals import Kind, Refusal

DOCS = "/api/docs/"
CONTENT_TYPE = "application/problem+json"


def describe_refusal(refusal: Refusal, *, is_read: bool = False) -> dict[str, object]:
    """Return the body that answers a refusal. One of a value that was sent names its place; of what only reads, in the
    query."""
    members = refusal.members
    if refusal.status == HTTPStatus.BAD_REQUEST:
        field = refusal.field
        is_parameter = is_read and field
        place = {"parameter": field.rpartition("/")[2]} if is_parameter else {"pointer": f"#/{field}" if field else "#"}
        members = {"errors": [{**place, "detail": str(refusal)}], **members}
    return describe_problem(refusal.kind, str(refusal), refusal.next_step, **members)


def describe_problem(kind: Kind, detail: str = "", next_step: str = "", **members: object) -> dict[str, object]:
    """Return the body of a problem. Its `type` is its line on the docs page, its title the status's own."""
    return {
        "type": f"{DOCS}#problem-{kind.code}",
        "title": HTTPStatus(kind.status).phrase,
        "status": kind.status,
        "code": kind.code,
        "detail": detail or f"{kind.message} {kind.next_step}",
        "next_step": next_step or kind.next_step,
        **members,
    }
