"""How endpoints describe themselves in the OpenAPI document: what all of them share is added here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.utils.text import slugify
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from lib.problem_json import CONTENT_TYPE
from tenants.api.idempotency import HEADER
from tenants.api.paging import PageQuery

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
            "required": ["type", "title", "status", "code", "detail", "next_step"],
            "properties": {
                "type": {"type": "string", "description": "The kind of problem; its address explains it."},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "code": {"type": "string", "description": "What programs compare: it stays. All are on the docs page."},
                "detail": {"type": "string", "description": "For people: the cause, and what to do next."},
                "next_step": {"type": "string", "description": "For people: what to do next alone."},
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
        """Return the summary, which the docs page shows, as a name: `list_devices`."""
        return slugify(self.get_summary() or "").replace("-", "_") or super().get_operation_id()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation["responses"] |= {"401": PROBLEM, "429": PROBLEM, "default": PROBLEM}
        if getattr(getattr(self.view, self.method.lower(), None), "idempotent", False):
            operation["parameters"] = [*operation.get("parameters", []), KEY]
        return operation


def add_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the components to which the operations' `PROBLEM` refers."""
    for kind, more in COMPONENTS.items():
        result.setdefault("components", {}).setdefault(kind, {}).update(more)
    return result


def describe_operation(tag: str, summary: str, **kwargs: Any) -> Callable[[F], F]:
    """Describe one method: its group in the document, its name in words, and `extend_schema`'s own arguments.

    Its query takes the `parameters` that are described, and no others.
    """
    extend: Callable[[F], F] = extend_schema(tags=[tag], summary=summary, **kwargs)

    def decorate(handler: F) -> F:
        extended = extend(handler)
        parameters = list(kwargs.get("parameters", []))
        extended.query = frozenset(_query_names(parameters))  # type: ignore[attr-defined]
        extended.several = frozenset(  # type: ignore[attr-defined]
            parameter.name for parameter in parameters if isinstance(parameter, OpenApiParameter) and parameter.many
        )
        return extended

    return decorate


def _query_names(parameters: Iterable[Any]) -> Iterator[str]:
    """Yield the names of those that stand in the query."""
    for parameter in parameters:
        if isinstance(parameter, OpenApiParameter):
            yield from [parameter.name] if parameter.location == OpenApiParameter.QUERY else []
        else:
            yield from parameter().fields


def describe_list(tag: str, summary: str, row: type[serializers.Serializer[Any]], **kwargs: Any) -> Callable[[F], F]:
    """Describe a `get` that answers with `paging.page(…).answer(…)`."""
    name = row.__name__
    fields = {
        "results": row(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next page, null on the last."),
    }
    parameters = [PageQuery, *kwargs.pop("parameters", [])]
    answer = inline_serializer(f"{name}Page", fields)
    return describe_operation(tag, summary, parameters=parameters, responses=answer, **kwargs)


__all__ = ["COMPONENTS", "OpenApiParameter", "OpenApiResponse", "Schema", "describe_list", "describe_operation"]
