"""Django, with static files served beside it, and live streams that share one thread for their gate."""

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

connections.raise_descriptors()


class Handler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._static = StaticFiles()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["type"] == "http":
            # A stream is outside ThreadSensitiveContext: open, it then keeps no thread (and no connection) of its own.
            app = self.handle if _is_long_lived(scope["path"]) else super().__call__
            await limits.bounded(app, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _is_long_lived(path: str) -> bool:
    """Whether the view is marked so (devices.streams.long_lived)."""
    try:
        return getattr(resolve(path).func, "long_lived", False)
    except Resolver404:
        return False


application = Handler()
