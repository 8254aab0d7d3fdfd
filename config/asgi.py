"""Django, with static files served beside it, and live streams that share one thread for their gate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)

from asgiref.wsgi import WsgiToAsgi
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from whitenoise import WhiteNoise

if TYPE_CHECKING:
    from wsgiref.headers import Headers


def _absent(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"Not found\n"]


def _headers(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"


class Handler(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        files = WhiteNoise(
            _absent,
            root=settings.STATIC_ROOT,
            prefix=settings.STATIC_URL,
            add_headers_function=_headers,
            immutable_file_test=r"^.+\.[0-9a-f]{12}\..+$",
        )
        self._static = WsgiToAsgi(files)  # type: ignore[no-untyped-call]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith("/stream/"):
            # Outside ThreadSensitiveContext: an open stream then keeps no thread (and no connection) of its own.
            await self.handle(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


application = Handler()
