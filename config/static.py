"""Static files beside Django: WhiteNoise finds them, and they go out without leaving the event loop's context.

asgiref's WsgiToAsgi won't do here: it sends from a thread, and the next request of a kept-alive connection then
starts in that thread's context and finds its executor closed.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from django.conf import settings
from whitenoise import WhiteNoise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO
    from wsgiref.headers import Headers

CHUNK = 256 * 1024

_readers = ThreadPoolExecutor(4, thread_name_prefix="static")


def _add_nosniff(headers: Headers, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"


class StaticFiles:
    """Serve what `collectstatic` laid out, as an ASGI application."""

    def __init__(self) -> None:
        self._files = WhiteNoise(
            None,
            root=settings.STATIC_ROOT,
            prefix=settings.STATIC_URL,
            add_headers_function=_add_nosniff,
            immutable_file_test=r"^.+\.[0-9a-f]{12}\..+$",
        ).files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        file = self._files.get(scope["path"])
        if file is None:
            await _send_start(send, 404, [("Content-Type", "text/plain"), ("X-Content-Type-Options", "nosniff")])
            await send({"type": "http.response.body", "body": b"Not found\n"})
            return
        response = file.get_response(scope["method"], _build_environ(scope["headers"]))
        await _send_start(send, response.status, response.headers)
        await _send_body(send, response.file)


def _build_environ(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    decoded = [(name.decode("latin1"), value.decode("latin1")) for name, value in headers]
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in decoded}


async def _send_start(send: Any, status: int, headers: Iterable[tuple[str, str]]) -> None:
    encoded = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})


async def _send_body(send: Any, file: BinaryIO | None) -> None:
    if file is not None:
        with file:
            while chunk := await asyncio.get_running_loop().run_in_executor(_readers, file.read, CHUNK):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
