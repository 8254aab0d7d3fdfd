"""What a request's body may be: small from strangers, larger from people, a file's only where one is uploaded; in time.

Django reads a body whole before anything looks at the request, so whom it comes from is asked here, before it is read.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string

from config import uploads
from lib.addresses import normalise_address
from lib.places import Bound, Place, Places
from lib.problem_json import CONTENT_TYPE, describe_problem
from lib.refusals import Refusal
from tenants import refusals
from tenants.accounts.events import address_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[dict[str, Any], Any, Any], Awaitable[Any]]

LINGER_SECONDS = 20.0  # in which the rest is thrown away: a browser reads no answer before it has sent all
STRANGERS_LINGER_SECONDS = 2.0
LINGER_RATE = 16 << 20  # bytes a second: what only comes to be thrown away has no hurry
STRANGERS_REST = 4 << 20
STRANGERS_LINGER_RATE = 3 << 20
LINGERING_ADDRESS, LINGERING = 4, 16  # strangers' at once; the others' connections are closed with the answer

RETRY_SECONDS = 5
HEADERS = {
    "cache-control": "no-store",
    "connection": "close",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""As the middleware of the site sets them, which what is answered here does not pass."""


PAGES = {
    refusals.TOO_LARGE: "413.html",
    refusals.TOO_SLOW: "408.html",
    refusals.TOO_MANY_UPLOADS: "429_uploads.html",
    refusals.THROTTLED: "429_overtaken.html",
}
"""Of whoever it is, whether signed in is not known: pages without the site's bar."""


async def answer_within_bounds(app: App, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer by `app`, unless the body is refused on its way to it."""
    body = Body(scope, receive)
    try:
        await body.expect(read_declared_size(scope))
        await app(scope, body.receive, send)
    except Refusal as refusal:
        await body.refuse(refusal, send)
    finally:
        body.end()


def find_address(scope: dict[str, Any]) -> str:
    """Return where a request comes from, by the proxy if there is one; as it is counted."""
    return normalise_address(address_of(ASGIRequest(scope, BytesIO())))


def read_declared_size(scope: dict[str, Any]) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


class Body:
    """Count one request's body as it passes."""

    def __init__(self, scope: dict[str, Any], receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self._size, self._is_whole = 0, False
        self._began = time.monotonic()
        self._most: int = settings.ANONYMOUS_BODY_BYTES
        self._sender: uploads.Sender | None = None
        self._upload: uploads.Upload | None = None

    async def receive(self) -> Message:
        """Receive the next message. Raises Refusal."""
        if self._is_whole:
            return await self._receive()
        message = await self._receive_in_time()
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        await self.expect(self._size)
        return message

    async def _receive_in_time(self) -> Message:
        due = self._began + settings.BODY_SECONDS + self._size / settings.BODY_RATE
        try:
            async with asyncio.timeout(max(due - time.monotonic(), 0)):
                return await self._receive()
        except TimeoutError:
            raise Refusal(refusals.TOO_SLOW) from None

    async def expect(self, size: int) -> None:
        """Expect `size` bytes of this sender, who is identified only where it matters. Raises Refusal."""
        if size > self._most and self._sender is None:
            self._sender = await _identify_sender(self._scope)
            self._most = max(self._most, self._sender.most)
        if size > self._most:
            raise Refusal(refusals.TOO_LARGE)
        if size > settings.BODY_BYTES and self._upload is None and self._sender is not None:
            self._upload = uploads.begin_upload(self._sender)
            if self._upload is None:
                raise Refusal(refusals.TOO_MANY_UPLOADS)

    def end(self) -> None:
        if self._upload is not None:
            self._upload.end()

    async def refuse(self, refusal: Refusal, send: Send) -> None:
        """Say it in words: a problem for the API, else a page."""
        if refusal.kind is not refusals.TOO_SLOW:
            await self._throw_rest_away()
        kind, most = refusal.kind, filesizeformat(self._most)
        if self._scope["path"].startswith("/api/"):
            detail = f"{refusal} At most {most} are taken here." if kind is refusals.TOO_LARGE else ""
            await _send(send, kind.status, CONTENT_TYPE, json.dumps(describe_problem(kind, detail)))
            return
        is_upload = self._is_known and uploads.is_upload(self._scope)
        await _send(
            send, kind.status, "text/html; charset=utf-8", _render_page(PAGES[kind], most, self._is_known, is_upload)
        )

    @property
    def _is_known(self) -> bool:
        return self._sender is not None and self._sender.user is not None

    async def _throw_rest_away(self) -> None:
        if b"expect" in dict(self._scope["headers"]) and not self._size:
            return  # it waits to be asked for the body
        if self._is_known:
            await self._throw_away(uploads.compute_largest_body(), LINGER_SECONDS, LINGER_RATE)
            return
        here = Bound("address", find_address(self._scope), LINGERING_ADDRESS)
        place = _lingering.take(here, Bound("process", None, LINGERING))
        if isinstance(place, Place):
            try:
                await self._throw_away(STRANGERS_REST, STRANGERS_LINGER_SECONDS, STRANGERS_LINGER_RATE)
            finally:
                place.end()

    async def _throw_away(self, left: int, within: float, rate: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while left > 0 and not self._is_whole:
                    message = await self._receive()
                    size = len(message.get("body", b"")) + 1
                    left -= size
                    self._is_whole = not message.get("more_body", False)
                    await asyncio.sleep(size / rate)


_lingering = Places()


@lru_cache(maxsize=32)
def _render_page(template: str, most: str, is_known: bool, is_upload: bool) -> str:
    return render_to_string(template, {"most": most, "is_known": is_known, "is_upload": is_upload})


async def _identify_sender(scope: dict[str, Any]) -> uploads.Sender:
    async with ThreadSensitiveContext():
        return await sync_to_async(uploads.identify_sender)(scope)


async def _send(send: Send, status: int, kind: str, text: str) -> None:
    body = text.encode()
    headers = {**HEADERS, "content-type": kind, "content-length": str(len(body))}
    if settings.SECURE_HSTS_SECONDS:
        below = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
        headers["strict-transport-security"] = f"max-age={settings.SECURE_HSTS_SECONDS}{below}"
    if status == 429:
        headers["retry-after"] = str(RETRY_SECONDS)
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
