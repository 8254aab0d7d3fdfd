"""Django, with static files served beside it; requests are answered in turn, and open streams keep no thread."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from config import environment
from lib import log, request_ids, streaming, trusted_proxies
from lib.stopping import is_stopping

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

from config import connections, health, limits, stopping
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
        if scope["type"] == "http":
            scope = trusted_proxies.hear_proxy(scope)
            request_id = request_ids.read_or_make(scope)
            log.begin(request_id=request_id)
            send = _let_connection_go(request_ids.tell(request_id, send))
        if scope["type"] == "http" and scope["path"] in health.PROBES:
            await health.answer_probe(scope, send)
        elif scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["type"] == "http":
            await limits.answer_within_bounds(self._choose_app(scope), scope, receive, _let_threads_go(send))
        elif scope["type"] == "lifespan":
            await _follow_lifespan(receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _choose_app(self, scope: Any) -> Any:
        """Choose by how the view is marked (devices.streams.long_lived, lib.turns.out_of_turn)."""
        try:
            view = resolve(scope["path"]).func
        except Resolver404:
            return self._answer_in_turn
        if getattr(view, "long_lived", False):
            return self._answer_stream
        asks = getattr(view, "out_of_turn_if", None)
        goes_first = getattr(view, "out_of_turn", False) or (asks is not None and asks(dict(scope["headers"])))
        return super().__call__ if goes_first else self._answer_in_turn

    async def _answer_in_turn(self, scope: Any, receive: Any, send: Any) -> None:
        await self._queueing.answer(super().__call__, scope, receive, send)

    async def _answer_stream(self, scope: Any, receive: Any, send: Any) -> None:
        await self._queueing.answer(super().__call__, scope, receive, send, is_stream=True)


async def _follow_lifespan(receive: Any, send: Any) -> None:
    """Agree to start and to stop: by then what there is to do at the end has been done (config/stopping.py)."""
    stopping.heed_signals()
    while (kind := (await receive())["type"]) != "lifespan.shutdown":
        await send({"type": f"{kind}.complete"})
    await send({"type": f"{kind}.complete"})


def _let_connection_go(send: Any) -> Any:
    """Return a `send` that keeps no connection for another request once this process is to end."""

    async def send_part(message: Any) -> None:
        if message["type"] == "http.response.start" and is_stopping():
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return send_part


def _let_threads_go(send: Any) -> Any:
    """Return a `send` with which an answer in parts keeps no thread between them, however slow its reader is."""

    async def send_part(message: Any) -> None:
        if message.get("more_body"):
            streaming.let_thread_go()
        await send(message)

    return send_part


application = Handler()
gc.collect()
gc.freeze()  # what is there for good is not looked through again
