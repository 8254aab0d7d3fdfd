"""A page's key travels in its address, and whatever else stands there is refused, never asked of the database."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lib.paging import BY_ID, NEWEST_FIRST, PAGE_UNKNOWN, Order, find_asked_page, find_page, parse_asked
from lib.parsing import LARGEST
from lib.refusals import Refusal
from tenants.models import Group

NAMES = Order((("name", str), ("pk", int)))
PARTS = Order((("name", str), ("pk", int)), split=lambda rows: [rows])


def write(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("order", "key"),
    [
        (BY_ID, [0]),
        (BY_ID, [LARGEST]),
        (NAMES, ["Pümpe > 7", 12]),
        (NAMES, ["", 1]),
        (PARTS, [1, "a", 2]),
    ],
)
def test_a_key_comes_back_from_its_address(order: Order, key: list[Any]) -> None:
    assert order.parse(order.write(key)) == key
    assert "=" not in order.write(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "????",
        write([]),
        write([1, 2]),
        write(["1"]),
        write([True]),
        write([1.0]),
        write([None]),
        write({"pk": 1}),
        write(1),
        write([-1]),
        write([LARGEST + 1]),
        write([[1]]),
        "W" * 5_000,
        base64.urlsafe_b64encode(b"[" * 20_000).decode(),
        base64.urlsafe_b64encode(b'[1]\xff').decode(),
        "ü",
    ],
)  # fmt: skip
def test_whatever_is_no_key_is_none(text: str) -> None:
    assert BY_ID.parse(text) is None


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_no_text_is_asked_for_that_a_database_does_not_take(name: str) -> None:
    assert NAMES.parse(write([name, 1])) is None
    assert NAMES.parse(write([1, "name"])) is None
    assert PARTS.parse(write(["a", 1])) is None


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({}, (None, None)),
        ({"after": "", "before": ""}, (None, None)),
        ({"after": BY_ID.write([7])}, ([7], None)),
        ({"before": BY_ID.write([7])}, (None, [7])),
    ],
)
def test_an_address_asks_for_a_page_behind_or_before_a_row(query: dict[str, str], keys: tuple[Any, Any]) -> None:
    assert parse_asked(BY_ID, query) == keys


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"before": "x"}, {"page": "2"}, {"after": BY_ID.write([7]), "page": "1"}]
)
def test_an_address_that_is_none_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        parse_asked(BY_ID, query)
    assert (refused.value.kind, refused.value.status) == (PAGE_UNKNOWN, 400)


@pytest.mark.django_db
@pytest.mark.parametrize("order", [BY_ID, NEWEST_FIRST])
def test_of_no_rows_there_is_one_page(order: Order) -> None:
    for query in ({}, {"after": order.write([7])}, {"before": order.write([7])}):
        assert find_asked_page(Group.objects.none(), order, 3, query) == ([], "", "")


def split_by_depth(rows: Any) -> list[Any]:
    return [rows.filter(depth=depth) for depth in (3, 1, 2, 4)]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.usefixtures("world")
def test_parts_follow_one_another_both_ways(size: int, *, newest_first: bool) -> None:
    order = Order((("name", str), ("pk", int)), newest_first=newest_first, split=split_by_depth)
    groups = Group.objects.all()
    everything = [row for part in split_by_depth(groups) for row in order.sort(part)]
    forwards, page = [], find_page(groups, order, size)
    pages = [page]
    while page.next:
        page = find_page(groups, order, size, after=order.parse(page.next))
        pages.append(page)
    forwards = [row for page in pages for row in page.rows]
    assert forwards == everything
    back = [*page.rows]
    while page.previous:
        page = find_page(groups, order, size, before=order.parse(page.previous))
        back = [*page.rows, *back]
    assert back == everything
