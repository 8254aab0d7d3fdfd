"""Each request has an id by which logs find each other, and nobody but the proxy chooses it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from lib import request_ids, trusted_proxies


def read(told: bytes | None, **marks: object) -> str:
    headers = [(b"host", b"a.example"), *([(b"x-request-id", told)] if told is not None else [])]
    return request_ids.read_or_make({"type": "http", "headers": headers, **marks})


BY_PROXY: Any = {trusted_proxies.BY_PROXY: True}


@pytest.mark.parametrize("told", [b"a", b"A.b_c-9", b"x" * 64])
def test_the_proxys_id_is_the_requests(told: bytes) -> None:
    assert read(told, **BY_PROXY) == told.decode()


@pytest.mark.parametrize("told", [None, b"", b"x" * 65, b"a b", b"a\nb", b"a\n", b"\xc3\xbc", b"a/b", b"{a}"])
def test_what_is_no_id_is_replaced(told: bytes | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", read(told, **BY_PROXY))


@pytest.mark.parametrize("marks", [{}, {trusted_proxies.BY_PROXY: "yes"}, {trusted_proxies.BY_PROXY: False}])
def test_nobody_else_chooses_one(marks: dict[str, Any]) -> None:
    one, other = read(b"chosen", **marks), read(b"chosen", **marks)
    assert len({"chosen", one, other}) == 3


def test_the_answers_head_names_it() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
    body = {"type": "http.response.body", "body": b"x"}

    async def answer() -> None:
        telling = request_ids.tell("id-7", send)
        for message in (start, body, {"type": "http.response.start", "status": 204}):
            await telling(message)

    asyncio.run(answer())
    assert [message.get("headers") for message in sent] == [
        [(b"a", b"b"), (b"x-request-id", b"id-7")],
        None,
        [(b"x-request-id", b"id-7")],
    ]
    assert start["headers"] == [(b"a", b"b")]  # whoever made the message may send it again
