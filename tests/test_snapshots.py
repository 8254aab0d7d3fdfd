"""What others hold on to changes only on purpose: the names of routes and what leads to them, the API's document, and
what events tell.

`SNAPSHOTS=write python -m pytest tests/test_snapshots.py` takes new ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.urls import URLPattern, get_resolver

from config.api_docs.views import build_document
from devices import events
from devices.models import Event

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
    described: dict[str, Any] = build_document()
    now = yaml.safe_dump(described, sort_keys=True, allow_unicode=True, width=120)
    assert described == yaml.safe_load(kept("openapi.yaml", now))


def test_events() -> None:
    """Kinds of events, and the data that each tells: what is in brackets may be missing."""
    now = "\n".join(sorted(map(_told, Event.Kind))) + "\n"
    assert now.splitlines() == kept("events.txt", now).splitlines()


def _told(kind: Event.Kind) -> str:
    required, optional = events.DATA[kind]
    data = [f"{name} {type_.__name__}" for name, type_ in required.items()]
    return f"{kind}: {', '.join(data + [f'[{name} {type_.__name__}]' for name, type_ in optional.items()])}"
