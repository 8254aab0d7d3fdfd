"""Django, with static files served beside it, and live streams that share one thread for their gate."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL", "20")  # each request has a thread of its own, which takes no connection along

import django

django.setup(set_prefix=False)

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from config import limits
from config.static import StaticFiles


class Handler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._static = StaticFiles()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith("/stream/"):
            # Outside ThreadSensitiveContext: an open stream then keeps no thread (and no connection) of its own.
            await self.handle(scope, receive, send)
        elif scope["type"] == "http":
            await self._bounded(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _bounded(self, scope: Any, receive: Any, send: Any) -> None:
        if limits.declared(scope) > limits.most():
            await limits.refuse(scope, receive, send)
            return
        try:
            await super().__call__(scope, limits.counted(receive), send)
        except limits.TooLarge:
            await limits.refuse(scope, receive, send)


application = Handler()
