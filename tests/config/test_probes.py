"""Who starts processes and who chooses between them ask before Django: is it alive, can it serve, what lacks."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from config import health
from config.asgi import application
from lib import stopping

if TYPE_CHECKING:
    from collections.abc import Callable


def ask(
    path: str, method: str = "GET", headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": headers or [], "query_string": b""}
    asyncio.run(application(scope, receive, send))
    start, body = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], named, body["body"]


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], bool]]:
    """What is asked; and a process that nobody told to stop."""
    checks: dict[str, Callable[[], bool]] = {"database": lambda: True, "migrations": lambda: True}
    monkeypatch.setattr(health, "READINESS", checks)
    for name in ("_stopping", "_closing"):
        monkeypatch.setattr(stopping, name, threading.Event())
    return checks


def fail() -> bool:
    raise ConnectionError("postgresql://secret@db")


@pytest.mark.parametrize(
    ("database", "migrations", "lacks"),
    [
        (lambda: True, lambda: True, []),
        (lambda: False, lambda: True, ["database"]),
        (fail, fail, ["database"]),
        (lambda: True, lambda: False, ["migrations"]),
        (lambda: True, fail, ["migrations"]),
    ],
    ids=["ready", "says no", "away", "not migrated", "can not say"],
)
def test_what_it_lacks_is_named_and_never_why(
    ready: dict[str, Callable[[], bool]],
    database: Callable[[], bool],
    migrations: Callable[[], bool],
    lacks: list[str],
) -> None:
    ready |= {"database": database, "migrations": migrations}
    status, headers, body = ask("/readyz")
    told = json.loads(body)
    assert (status, told) == ((503, {"status": "not ready", "lacks": lacks}) if lacks else (200, {"status": "ready"}))
    assert (headers["content-type"], headers["cache-control"]) == ("application/json", "no-store")


def test_to_live_nothing_is_asked(ready: dict[str, Callable[[], bool]]) -> None:
    ready |= {"database": lambda: pytest.fail("asked")}
    assert ask("/livez")[::2] == (200, b'{"status": "up"}')


def test_one_that_is_stopping_lives_and_is_not_ready(ready: dict[str, Callable[[], bool]]) -> None:
    ready |= {"database": lambda: pytest.fail("asked")}
    stopping.begin()
    status, headers, body = ask("/readyz")
    assert (status, json.loads(body)) == (503, {"status": "not ready", "lacks": ["stopping"]})
    assert headers["connection"] == "close"
    assert ask("/livez")[0] == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_is_read(path: str) -> None:
    status, headers, body = ask(path, "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 10
    assert ask(path, "POST")[0] == 405


def test_it_is_asked_at_any_name_and_has_an_id() -> None:
    status, headers, _ = ask("/livez", headers=[(b"host", b"10.0.0.7:8000")])
    assert (status, len(headers["x-request-id"])) == (200, 32)


def test_the_server_may_start_and_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from config import stopping as site

    heeded: list[bool] = []
    monkeypatch.setattr(site, "heed_signals", lambda: heeded.append(True))
    told, sent = ["lifespan.startup", "lifespan.shutdown"], list[str]()

    async def receive() -> dict[str, Any]:
        return {"type": told.pop(0)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    asyncio.run(application({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert heeded == [True]
