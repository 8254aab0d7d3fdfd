"""Django, with static files served beside it; live streams are opened in turn, and open keep no thread."""

from __future__ import annotations

import os
from typing import Any

from config import environment

environment.load()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL", "20")  # each request has a thread of its own, which takes no connection along
os.environ.setdefault("DATABASE_LOCK_SECONDS", "4")  # somebody looks at the page meanwhile
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "30")

import django

django.setup(set_prefix=False)

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.urls import Resolver404, resolve

from config import connections, limits
from config.static import StaticFiles
from lib.turns import Turns
from tenants import downloads

GATES = 4  # streams that are being opened at once
BUSY = [(b"retry-after", b"5"), (b"cache-control", b"no-store"), (b"content-length", b"0")]

connections.raise_descriptors()


class Handler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._static = StaticFiles()
        self._gates = Turns(GATES, waiting=settings.STREAMS_PERSON)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["type"] == "http":
            app = self._long_lived if _is_long_lived(scope["path"]) else super().__call__
            await limits.bounded(app, scope, receive, _letting_go(send))
        else:
            await super().__call__(scope, receive, send)

    async def _long_lived(self, scope: Any, receive: Any, send: Any) -> None:
        """In turn by sessions until it is open: whoever opens very many does not hold up the others."""
        end = await self._gates.take(_session(scope))
        if end is None:
            await send({"type": "http.response.start", "status": 429, "headers": BUSY})
            await send({"type": "http.response.body", "body": b""})
            return

        async def opened(message: Any) -> None:
            end()
            await send(message)

        try:
            await super().__call__(scope, receive, opened)
        finally:
            end()


def _letting_go(send: Any) -> Any:
    """As `send`; an answer that comes in parts keeps no thread between them, however slow its reader is."""

    async def sending(message: Any) -> None:
        if message.get("more_body"):
            downloads.let_thread_go()
        await send(message)

    return sending


def _session(scope: Any) -> bytes:
    cookies = dict(scope["headers"]).get(b"cookie", b"")
    name = settings.SESSION_COOKIE_NAME.encode() + b"="
    return next((each for each in cookies.replace(b" ", b"").split(b";") if each.startswith(name)), b"")


def _is_long_lived(path: str) -> bool:
    """Whether the view is marked so (devices.streams.long_lived)."""
    try:
        return getattr(resolve(path).func, "long_lived", False)
    except Resolver404:
        return False


application = Handler()
