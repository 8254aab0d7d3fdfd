"""Pages by key: the next one starts behind the last row, so the thousandth costs what the first does."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Q

from lib.parsing import LARGEST, is_storable
from lib.refusals import Refusal, declare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.db.models import QuerySet

    Key = Sequence[Any]
    Split = Callable[[QuerySet[Any]], Sequence[QuerySet[Any]]]


PAGE_UNKNOWN = declare("page-unknown", "The list has no such page.", "Begin at its first one.", 400)


class Order(NamedTuple):
    """Sort rows by fields, the last one unique, each a number or a text. Their values are a row's key.

    What `split` makes of the rows comes part by part, each of them so sorted: a key begins with the number of its part.
    So what no index sorts by costs no more than the few rows of which it is true.
    """

    fields: tuple[tuple[str, type], ...] = (("pk", int),)
    newest_first: bool = False
    split: Split | None = None

    def sort(self, rows: QuerySet[Any], *, backwards: bool = False) -> QuerySet[Any]:
        return rows.order_by(*(f"{'-' if self.newest_first != backwards else ''}{name}" for name, _ in self.fields))

    def key(self, row: Any) -> list[Any]:
        return [getattr(row, name) for name, _ in self.fields]

    def beyond(self, key: Key, *, backwards: bool = False) -> Q:
        """Match the rows behind the key, or those before it."""
        than, place = "lt" if self.newest_first != backwards else "gt", Q(pk__in=[])
        for n, (name, _) in enumerate(self.fields):
            same = Q(**{field: key[m] for m, (field, _) in enumerate(self.fields[:n])})
            place |= same & Q(**{f"{name}__{than}": key[n]})
        # The first half alone lets the database start at the right place of its index.
        return Q(**{f"{self.fields[0][0]}__{than}e": key[0]}) & place

    def write(self, key: Key) -> str:
        return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")

    @property
    def kinds(self) -> list[type]:
        """Return of what type each part of a key in an address is."""
        return [*([int] if self.split else []), *(kind for _, kind in self.fields)]

    def parse(self, text: str) -> list[Any] | None:
        """Return the key that `write` wrote; None for whatever is none."""
        try:
            values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, RecursionError):
            return None
        fits = isinstance(values, list) and [type(value) for value in values] == self.kinds
        return values if fits and all(map(_is_possible, values)) else None


BY_ID = Order()
NEWEST_FIRST = Order(newest_first=True)


class Page(NamedTuple):
    """Hold rows, and the keys of the pages beside it as addresses have them, empty where there is none."""

    rows: list[Any]
    previous: str
    next: str


def find_page(
    rows: QuerySet[Any], order: Order, size: int, *, after: Key | None = None, before: Key | None = None
) -> Page:
    """Return the page behind a key, or the one before it; else the first."""
    if order.split is None:
        return cut_page(list(narrow_to_page(rows, order, size, after, before)), order, size, after, before)
    return _cut(_find_in_parts(order.split(rows), order, size + 1, after, before), order, size, after, before)


def narrow_to_page(
    rows: QuerySet[Any], order: Order, size: int, after: Key | None, before: Key | None
) -> QuerySet[Any]:
    """Return the query of a page and one row more: of those before a key backwards. For orders that split nothing."""
    key, backwards = (after, False) if before is None else (before, True)
    found = rows if key is None else rows.filter(order.beyond(key, backwards=backwards))
    return order.sort(found, backwards=backwards)[: size + 1]


def cut_page(found: Sequence[Any], order: Order, size: int, after: Key | None, before: Key | None) -> Page:
    """Return the page of the rows that its query found."""
    return _cut([(order.key(row), row) for row in found], order, size, after, before)


def _cut(found: Sequence[tuple[Key, Any]], order: Order, size: int, after: Key | None, before: Key | None) -> Page:
    shown = found[:size]
    earlier, later = after is not None and bool(shown), len(found) > size
    if before is not None:
        shown = shown[::-1]
        earlier, later = len(found) > size, bool(shown)
    return Page(
        [row for _, row in shown],
        order.write(shown[0][0]) if earlier else "",
        order.write(shown[-1][0]) if later else "",
    )


def _find_in_parts(
    parts: Sequence[QuerySet[Any]], order: Order, most: int, after: Key | None, before: Key | None
) -> list[tuple[Key, Any]]:
    """Return so many rows with their keys from behind a key on, or from before it."""
    key, backwards = (after, False) if before is None else (before, True)
    numbered = list(enumerate(parts))
    gathered: list[tuple[Key, Any]] = []
    for number, part in reversed(numbered) if backwards else numbered:
        if key is not None and (number > key[0] if backwards else number < key[0]):
            continue
        within = part if key is None or number != key[0] else part.filter(order.beyond(key[1:], backwards=backwards))
        left = order.sort(within, backwards=backwards)[: most - len(gathered)]
        gathered += [([number, *order.key(row)], row) for row in left]
        if len(gathered) == most:
            break
    return gathered


def find_asked_page(rows: QuerySet[Any], order: Order, size: int, query: Mapping[str, str]) -> Page:
    """Return the page that an address asks for by `after` or `before`, else the first. Raises Refusal where it names
    one that can't be."""
    after, before = parse_asked(order, query)
    return find_page(rows, order, size, after=after, before=before)


def parse_asked(order: Order, query: Mapping[str, str]) -> tuple[list[Any] | None, list[Any] | None]:
    """Return the keys that an address names as `after` and `before`. Raises Refusal where one can't be."""
    asked = [query.get(name, "") for name in ("after", "before")]
    after, before = map(order.parse, asked)
    if query.get("page") or any(text and key is None for text, key in zip(asked, (after, before), strict=True)):
        raise Refusal(PAGE_UNKNOWN)
    return after, before


def _is_possible(value: object) -> bool:
    """Return whether a database takes it."""
    return is_storable(value) if isinstance(value, str) else isinstance(value, int) and 0 <= value <= LARGEST
