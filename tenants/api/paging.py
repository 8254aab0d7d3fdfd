"""Pages of lists, by key: `after` says where the next one starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rest_framework import serializers
from rest_framework.response import Response

from lib import merged_paging, origins, paging
from lib.paging import BY_ID
from tenants.api.problems import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from lib.merged_paging import Source
    from lib.paging import Order, Page

K = TypeVar("K")
SIZE = 50
LARGEST = 200


class PageQuery(serializers.Serializer[Any]):
    after = serializers.CharField(
        required=False, max_length=1000, help_text="Where the page starts: taken from `next`, not made up."
    )
    limit = serializers.IntegerField(
        required=False,
        default=SIZE,
        min_value=1,
        max_value=LARGEST,
        help_text="How many at most.",
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value", "max_string_length"), f"Send a whole number from 1 to {LARGEST}."
        ),
    )


class Results(NamedTuple):
    """Hold a page of rows; `next` is the next page's address, None on the last."""

    rows: list[Any]
    next: str | None

    def answer(self, show: Callable[[Any], Any]) -> Response:
        return Response({"results": [show(row) for row in self.rows], "next": self.next})


def page(request: Request, rows: QuerySet[Any], order: Order = BY_ID) -> Results:
    """Return the page that the request's `after` and `limit` ask for; raise BadQuery for a key that is none."""
    size, key = _read(request, order.parse)
    return _build_results(request, paging.find_page(rows, order, size, after=key))


def merged_page(request: Request, sources: Sequence[Source]) -> Results:
    """Return the same of rows from several tables."""
    size, key = _read(request, merged_paging.parse_key)
    return _build_results(request, merged_paging.find_page(sources, size, after=key))


def _read(request: Request, parse: Callable[[str], K | None]) -> tuple[int, K | None]:
    query = PageQuery(
        data={name: request.query_params[name] for name in ("after", "limit") if name in request.query_params}
    )
    if not query.is_valid():
        raise BadQuery(query.errors)
    after = query.validated_data.get("after")
    key = None if after is None else parse(after)
    if after is not None and key is None:
        raise BadQuery({"after": ["This is no page's start. Take it from `next`."]})
    return query.validated_data["limit"], key


def _build_results(request: Request, found: Page) -> Results:
    return Results(found.rows, _build_address(request, found.next) if found.next else None)


def _build_address(request: Request, after: str) -> str:
    query = request.query_params.copy()
    query["after"] = after
    return f"{origins.get_request_origin(request)}{request.path}?{query.urlencode()}"
