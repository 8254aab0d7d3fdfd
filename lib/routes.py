"""Which view an address leads to, looked up once a request: hundreds of patterns are tried for one."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.urls import Resolver404, ResolverMatch, resolve

MOST = 1_024
LONGEST = 200  # letters of an address that is remembered


def find_match(path: str) -> ResolverMatch | None:
    """Return the view and its arguments; None where there is none. The same object is given to many: it is read."""
    return _remember(path, settings.ROOT_URLCONF) if len(path) <= LONGEST else _find(path, settings.ROOT_URLCONF)


def _find(path: str, urls: str) -> ResolverMatch | None:
    try:
        match = resolve(path, urls)
    except Resolver404:
        return None
    match.tried = None  # hundreds of patterns, for Django's own page of errors
    return match


_remember = lru_cache(MOST)(_find)
