"""What is too large is refused before it is kept."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from config import limits
from config.asgi import application

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def _small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.IMPORT_MAX_BYTES = 1 << 20
    monkeypatch.setattr(limits, "ROOM", 1000)


def send(path: str, *, chunks: int, declared: bool) -> tuple[int, str, dict[str, str]]:
    """A POST of so many times 1 MB of nothing."""
    chunk = b"x" * (1 << 20)
    headers = [(b"host", b"testserver"), (b"content-type", b"multipart/form-data; boundary=x")]
    headers += [(b"content-length", str(chunks * len(chunk)).encode())] if declared else []
    left = iter(range(chunks, 0, -1))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if (number := next(left, 0)) == 0:
            await asyncio.sleep(10)
        return {"type": "http.request", "body": chunk, "more_body": number > 1}

    async def answer(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    asyncio.run(application(scope, receive, answer))
    started, body = sent
    assert next(left, None) is None  # all of it was read, so that a browser reads the answer
    return started["status"], body["body"].decode(), {k.decode(): v.decode() for k, v in started["headers"]}


@pytest.mark.parametrize("declared", [True, False])
def test_a_page_in_words(declared: bool) -> None:
    status, body, headers = send("/imports/new/", chunks=3, declared=declared)
    assert (status, headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert "1 MB at most" in body
    assert "Choose another file" in body


@pytest.mark.parametrize("declared", [True, False])
def test_a_problem_for_the_api(declared: bool) -> None:
    status, body, headers = send("/api/v1/devices/", chunks=3, declared=declared)
    assert (status, headers["content-type"]) == (413, "application/problem+json")
    assert json.loads(body)["type"].endswith("#problem-too-large")


@pytest.mark.django_db(transaction=True)
def test_what_fits_goes_on() -> None:
    status, _, _ = send("/imports/new/", chunks=1, declared=True)
    assert status == 403  # without a CSRF token, as a view says
