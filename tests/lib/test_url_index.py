"""Addresses lead where they lead when all patterns are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import Resolver404, URLPattern, URLResolver
from django.urls.resolvers import RegexPattern

from config import urls
from lib import url_index

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("1", "abc", "0123456789ab", "5f0c2b8e-2d3a-4f6b-9a57-0a1b2c3d4e5f", "live", "new", "")


def list_routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from list_routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def make_paths() -> list[str]:
    """Return addresses that fit each route with many things in its places, and many that are one thing off."""
    paths = {"", "/", "nothing", "nothing/", "devices//", "devices/a/b/c/d/e/"}
    for route in list_routes(urls.patterns):
        for part in PARTS:
            filled = "/".join(part if "<" in each else each for each in route.replace("^", "").split("/"))
            paths |= {filled, filled.rstrip("/"), f"{filled}more/", f"x{filled}", filled.replace("/", "//")}
    return sorted(paths)


def find(resolver: URLResolver, path: str) -> object:
    try:
        match = resolver.resolve(f"/{path}")
    except Resolver404:
        return None
    return match.func, match.args, match.kwargs, match.view_name, match.route, match.app_names, match.namespaces


def test_each_address_leads_to_the_same_view() -> None:
    plain = URLResolver(RegexPattern(r"^/"), urls.patterns)
    quick = URLResolver(RegexPattern(r"^/"), urls.urlpatterns)
    paths = make_paths()
    found = {path: find(plain, path) for path in paths}
    assert sum(match is not None for match in found.values()) > 500
    assert {path: find(quick, path) for path in paths} == found


def test_what_strangers_ask_for_is_not_kept_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_index, "MOST_KEPT", 20)
    index = url_index.Index(urls.patterns)
    for number in range(1, 100):
        for first in ("devices", "account", "nothing"):
            with pytest.raises(Resolver404):
                index.resolve(f"{first}{'/' * number}nothing")
    assert len(index._narrowed) <= 20
    assert index.resolve("devices/new/").view_name == "devices:new"
