"""How endpoints describe themselves in the OpenAPI document: what all of them share is added here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.utils.text import slugify
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from tenants.api.idempotency import HEADER
from tenants.api.paging import PageQuery
from tenants.api.problems import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")
PROBLEM = {"$ref": "#/components/responses/Problem"}
KEY = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "A text of your own, such as a UUID: sent again with it, the request creates nothing more.",
}
COMPONENTS: dict[str, Any] = {
    "schemas": {
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string", "description": "The kind of problem; its address explains it."},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "For people: the cause, and what to do next."},
                "resource": {"type": "string", "description": "What an earlier request with this key made."},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["detail"],
                        "properties": {
                            "detail": {"type": "string"},
                            "pointer": {"type": "string", "description": "Place in the body: a JSON pointer."},
                            "parameter": {"type": "string", "description": "Name of the query parameter."},
                            "header": {"type": "string", "description": "Name of the header."},
                        },
                    },
                },
            },
        }
    },
    "responses": {
        "Problem": {
            "description": "Refused: what is wrong, and what to do next.",
            "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
}


class Schema(AutoSchema):
    def get_operation_id(self) -> str:
        """The summary, which the docs page shows, as a name: `list_devices`."""
        return slugify(self.get_summary() or "").replace("-", "_") or super().get_operation_id()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation["responses"] |= {"401": PROBLEM, "429": PROBLEM, "default": PROBLEM}
        if getattr(getattr(self.view, self.method.lower(), None), "idempotent", False):
            operation["parameters"] = [*operation.get("parameters", []), KEY]
        return operation


def with_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """What the operations' `PROBLEM` refers to."""
    for kind, more in COMPONENTS.items():
        result.setdefault("components", {}).setdefault(kind, {}).update(more)
    return result


def described(tag: str, summary: str, **kwargs: Any) -> Callable[[F], F]:
    """Of one method: its group in the document, its name in words, and `extend_schema`'s own arguments.

    Its query takes the `parameters` that are described, and no others.
    """
    extend: Callable[[F], F] = extend_schema(tags=[tag], summary=summary, **kwargs)

    def decorate(handler: F) -> F:
        extended = extend(handler)
        extended.query = frozenset(_query(kwargs.get("parameters", [])))  # type: ignore[attr-defined]
        return extended

    return decorate


def _query(parameters: Iterable[Any]) -> Iterator[str]:
    """The names of those that stand in the query."""
    for each in parameters:
        if isinstance(each, OpenApiParameter):
            yield from [each.name] if each.location == OpenApiParameter.QUERY else []
        else:
            yield from each().fields


def listing(tag: str, summary: str, row: type[serializers.Serializer[Any]], **kwargs: Any) -> Callable[[F], F]:
    """Of a `get` that answers with `paging.page(…).answer(…)`."""
    name = row.__name__
    fields = {
        "results": row(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next page, null on the last."),
    }
    parameters = [PageQuery, *kwargs.pop("parameters", [])]
    answer = inline_serializer(f"{name}Page", fields)
    return described(tag, summary, parameters=parameters, responses=answer, **kwargs)


__all__ = ["COMPONENTS", "OpenApiParameter", "OpenApiResponse", "Schema", "described", "listing"]
