"""Pages by key: `after` says where the next one starts, so the thousandth costs what the first does."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Q
from rest_framework import serializers
from rest_framework.response import Response

from lib import origins
from lib.parsing import LARGEST as LARGEST_KEY
from lib.parsing import is_storable
from tenants.api.problems import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request

SIZE = 50
LARGEST = 200


class Order(NamedTuple):
    """Fields by which rows are ordered, the last one unique; each a number or a text."""

    fields: tuple[tuple[str, type], ...] = (("pk", int),)
    newest_first: bool = False

    def sort(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.order_by(*(f"{'-' if self.newest_first else ''}{name}" for name, _ in self.fields))

    def following(self, key: Sequence[Any]) -> Q:
        """Rows behind the key."""
        beyond, place = "lt" if self.newest_first else "gt", Q(pk__in=[])
        for n, (name, _) in enumerate(self.fields):
            same = Q(**{f"{each}": key[m] for m, (each, _) in enumerate(self.fields[:n])})
            place |= same & Q(**{f"{name}__{beyond}": key[n]})
        # The first half alone lets the database start at the right place of its index.
        return Q(**{f"{self.fields[0][0]}__{beyond}e": key[0]}) & place

    def key(self, row: Any) -> str:
        values = [getattr(row, name) for name, _ in self.fields]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    def parse(self, text: str) -> list[Any] | None:
        try:
            values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, RecursionError):
            return None
        fits = isinstance(values, list) and [type(value) for value in values] == [kind for _, kind in self.fields]
        return values if fits and all(map(_plausible, values)) else None


BY_ID = Order()
NEWEST_FIRST = Order(newest_first=True)


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
    if after is not None:
        if (key := order.parse(after)) is None:
            raise BadQuery({"after": ["This is no page's start. Take it from `next`."]})
        rows = rows.filter(order.following(key))
    found = list(order.sort(rows)[: size + 1])
    more = len(found) > size
    return Page(found[:size], _address(request, order.key(found[size - 1])) if more else None)


def _address(request: Request, after: str) -> str:
    query = request.query_params.copy()
    query["after"] = after
    return f"{origins.asked(request)}{request.path}?{query.urlencode()}"


def _plausible(value: object) -> bool:
    """What a database takes."""
    if isinstance(value, str):
        return is_storable(value)
    return isinstance(value, int) and 0 <= value <= LARGEST_KEY
