"""Django, with static files served beside it; requests are answered in turn, and open streams keep no thread."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from config import environment
from lib import streaming

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
from config.queueing import Queueing
from config.static import StaticFiles

SWITCH_SECONDS = 0.0005  # a page's thread asks the database thirty times, and after each waits for its turn to compute

connections.raise_descriptors()
sys.setswitchinterval(SWITCH_SECONDS)


class Handler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._static = StaticFiles()
        self._queueing = Queueing()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["type"] == "http":
            await limits.bounded(self._app(scope["path"]), scope, receive, _letting_go(send))
        else:
            await super().__call__(scope, receive, send)

    def _app(self, path: str) -> Any:
        """By how the view is marked (devices.streams.long_lived, lib.turns.out_of_turn)."""
        try:
            view = resolve(path).func
        except Resolver404:
            return self._ordinary
        if getattr(view, "long_lived", False):
            return self._long_lived
        return super().__call__ if getattr(view, "out_of_turn", False) else self._ordinary

    async def _ordinary(self, scope: Any, receive: Any, send: Any) -> None:
        await self._queueing.answer(super().__call__, scope, receive, send)

    async def _long_lived(self, scope: Any, receive: Any, send: Any) -> None:
        await self._queueing.answer(super().__call__, scope, receive, send, is_stream=True)


def _letting_go(send: Any) -> Any:
    """As `send`; an answer that comes in parts keeps no thread between them, however slow its reader is."""

    async def sending(message: Any) -> None:
        if message.get("more_body"):
            streaming.let_thread_go()
        await send(message)

    return sending


application = Handler()
gc.collect()
gc.freeze()  # what is there for good is not looked through again
