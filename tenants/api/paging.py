"""Pages of lists, by key: `after` says where the next one starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rest_framework import serializers
from rest_framework.response import Response

from lib import origins, paging
from lib.paging import BY_ID
from tenants.api.problems import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from lib.paging import Order

SIZE = 50
LARGEST = 200


class PageQuery(serializers.Serializer[Any]):
    after = serializers.CharField(
        required=False, max_length=1000, help_text="Where the page starts: taken from `next`, not made up."
    )
    limit = serializers.IntegerField(
        required=False, default=SIZE, min_value=1, max_value=LARGEST, help_text="How many at most."
    )


class Page(NamedTuple):
    """`next` is the next page's address, None on the last."""

    rows: list[Any]
    next: str | None

    def answer(self, show: Callable[[Any], Any]) -> Response:
        return Response({"results": [show(row) for row in self.rows], "next": self.next})


def page(request: Request, rows: QuerySet[Any], order: Order = BY_ID) -> Page:
    """The page that the request's `after` and `limit` ask for."""
    query = PageQuery(
        data={name: request.query_params[name] for name in ("after", "limit") if name in request.query_params}
    )
    if not query.is_valid():
        raise BadQuery(query.errors)
    size, after = query.validated_data["limit"], query.validated_data.get("after")
    key = None if after is None else order.parse(after)
    if after is not None and key is None:
        raise BadQuery({"after": ["This is no page's start. Take it from `next`."]})
    found = paging.page(rows, order, size, after=key)
    return Page(found.rows, _address(request, order.write(found.next)) if found.next else None)


def _address(request: Request, after: str) -> str:
    query = request.query_params.copy()
    query["after"] = after
    return f"{origins.asked(request)}{request.path}?{query.urlencode()}"
