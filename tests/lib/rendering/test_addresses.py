"""Addresses that are found out once are those that Django finds."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import NoReverseMatch, reverse

from lib.rendering.addresses import reverse_quickly

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("devices:list", {}),
    ("telemetry:dashboard", {"serial": "ABCD1234"}),
    ("telemetry:dashboard", {"serial": "a b/c%?#ä"}),
    ("telemetry:dashboard", {"serial": "100%"}),
    ("telemetry:dashboard", {"serial": ""}),
    ("telemetry:dashboard", {"pk": 1}),
    ("devices:tree", {"pk": 12}),
    ("devices:tree", {"pk": -12}),
    ("devices:tree", {"pk": "12"}),
    ("devices:tree", {"pk": "x"}),
    ("tenants:theme", {"slug": "kanarra", "digest": "0123abcd"}),
    ("devices:command", {"serial": "AB", "name": "start"}),
    ("nothing:nothing", {"pk": 1}),
]


def find(how: Any, view: str, values: dict[str, Any]) -> str:
    try:
        return str(how(view, values))
    except NoReverseMatch:
        return "NoReverseMatch"


@pytest.mark.parametrize(("view", "values"), ASKED)
def test_it_is_the_same_address(view: str, values: dict[str, Any]) -> None:
    expected = find(lambda view, values: reverse(view, kwargs=values), view, values)
    for _ in range(2):
        assert find(lambda view, values: reverse_quickly(view, **values), view, values) == expected
