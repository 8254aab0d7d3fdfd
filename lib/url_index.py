"""Which view an address is of, without trying them all.

Django tries one pattern after another, and those of a device's page come last of some hundreds. Here patterns are
sorted by what is seen of an address at once: how many slashes it has, its first part and its last one. Those that fit
are tried, in their order, so whatever was found is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.urls import URLPattern, URLResolver
from django.urls.resolvers import RoutePattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.urls import ResolverMatch

    Pattern = URLPattern | URLResolver

MOST = 30  # slashes; an address with more is looked at as if it had as many
MOST_KEPT = 1_000  # looks of addresses: strangers may ask for any


class Look(NamedTuple):
    """Hold what is seen of an address; of a pattern None for what may be anything."""

    slashes: int | None
    first: str | None
    last: str | None


class Index(URLResolver):
    """Stand for these patterns, and resolve what they do."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        super().__init__(RoutePattern(""), patterns)
        self._patterns = [(_quicken(pattern), set(_list_looks(pattern))) for pattern in patterns]
        looks = [look for _, looks in self._patterns for look in looks]
        self._firsts, self._lasts = {look.first for look in looks}, {look.last for look in looks}
        self._narrowed: dict[Look, URLResolver] = {}

    def resolve(self, path: str) -> ResolverMatch:
        look = self._look_at(path)
        if (narrowed := self._narrowed.get(look)) is None:
            if len(self._narrowed) >= MOST_KEPT:
                self._narrowed.clear()
            narrowed = self._narrowed[look] = self._narrow(look)
        return narrowed.resolve(path)

    def _look_at(self, path: str) -> Look:
        first, last = path.partition("/")[0], path.rstrip("/").rpartition("/")[2]
        return Look(
            min(path.count("/"), MOST),
            first if first in self._firsts else "",  # whatever no pattern names looks alike
            last if last in self._lasts else "",
        )

    def _narrow(self, look: Look) -> URLResolver:
        fitting: list[Any] = [
            pattern for pattern, looks in self._patterns if any(_fits(look, possible) for possible in looks)
        ]
        return URLResolver(self.pattern, fitting)


def _quicken(pattern: Pattern) -> Pattern:
    """Return it with an index of what is below, where there is something."""
    if not isinstance(pattern, URLResolver):
        return pattern
    below: Any = [Index(pattern.url_patterns)]
    return URLResolver(pattern.pattern, below, pattern.default_kwargs, pattern.app_name, pattern.namespace)


def _fits(look: Look, possible: Look) -> bool:
    return all(one is None or one == seen for one, seen in zip(possible, look, strict=True))


def _list_looks(pattern: Pattern, before: str | None = "") -> Iterator[Look]:
    """Yield what addresses of the pattern look like; `before` is the route of those above, None for any."""
    route = str(pattern.pattern) if type(pattern.pattern) is RoutePattern and before is not None else None
    whole = None if route is None else f"{before}{route}"
    if isinstance(pattern, URLResolver):
        for below in pattern.url_patterns:
            yield from _list_looks(below, whole)
    elif whole is None or "<path:" in whole:
        yield Look(None, None, None)
    else:
        parts = [None if "<" in part else part for part in whole.split("/")]
        ends = whole.rstrip("/").split("/")
        yield Look(min(len(parts) - 1, MOST), parts[0], None if "<" in ends[-1] else ends[-1])
