"""The id of a request, by which a person's report, the proxy's log and the site's find each other."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from lib import trusted_proxies

HEADER = b"x-request-id"
FORM = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def read_or_make(scope: dict[str, Any]) -> str:
    """Return the id that the trusted proxy gave the request (`X-Request-ID`, up to 64 of letters, digits and `._-`), of
    any other peer a new one: nobody chooses what stands in the log."""
    told = dict(scope["headers"]).get(HEADER, b"")
    if scope.get(trusted_proxies.BY_PROXY) is True and FORM.fullmatch(told):
        return str(told.decode())
    return uuid4().hex


def tell(request_id: str, send: Any) -> Any:
    """Return a `send` that names it in the answer's head."""
    header = (HEADER, request_id.encode())

    async def send_with_id(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return send_with_id
