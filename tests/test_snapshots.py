"""What others hold on to changes only on purpose: the names of routes and what leads to them, and the API's document.

`SNAPSHOTS=write python -m pytest tests/test_snapshots.py` takes new ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.urls import URLPattern, get_resolver

from config.api_docs.views import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.urls import URLResolver

FOLDER = Path(__file__).parent / "snapshots"


def kept(name: str, now: str) -> str:
    if os.environ.get("SNAPSHOTS") == "write":
        (FOLDER / name).write_text(now)
    return (FOLDER / name).read_text()


def routes(patterns: list[URLPattern | URLResolver], space: str = "", path: str = "") -> Iterator[str]:
    for pattern in patterns:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name or ''} {here}"
        else:
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from routes(pattern.url_patterns, inner, here)


def test_routes() -> None:
    now = "\n".join(sorted(routes(get_resolver().url_patterns))) + "\n"
    assert now.splitlines() == kept("routes.txt", now).splitlines()


def test_api() -> None:
    described: dict[str, Any] = document()
    now = yaml.safe_dump(described, sort_keys=True, allow_unicode=True, width=120)
    assert described == yaml.safe_load(kept("openapi.yaml", now))
