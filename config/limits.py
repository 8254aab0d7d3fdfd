"""What is too large is refused by what the request says of itself, before any of it is kept."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.template.loader import render_to_string

from tenants.api.problems import CONTENT_TYPE, problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

ROOM = 1 << 20  # for the rest of a form that brings a file
LINGER_SECONDS = 20.0  # in which the rest is thrown away: a browser reads no answer before it has sent all

HEADERS = {
    "cache-control": "no-store",
    "connection": "close",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'",
}


class TooLarge(Exception):
    """More came than is taken."""


def most() -> int:
    return int(settings.IMPORT_MAX_BYTES) + ROOM


def declared(scope: dict[str, Any]) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def counted(receive: Receive) -> Receive:
    """As `receive`, for bodies that do not say how long they are. Raises TooLarge."""
    size = 0

    async def counting() -> dict[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most():
            raise TooLarge
        return message

    return counting


async def refuse(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """413, in words: a problem for the API, else a page."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body"):
                pass
    is_api = scope["path"].startswith("/api/")
    megabytes = f"{settings.IMPORT_MAX_BYTES / (1 << 20):,.0f}"
    text = json.dumps(problem("too-large")) if is_api else render_to_string("413.html", {"megabytes": megabytes})
    kind = CONTENT_TYPE if is_api else "text/html; charset=utf-8"
    body = text.encode()
    headers = {**HEADERS, "content-type": kind, "content-length": str(len(body))}
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 413, "headers": named})
    await send({"type": "http.response.body", "body": body})
