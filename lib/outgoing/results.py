"""How one attempt to post something ended."""

from __future__ import annotations

from typing import NamedTuple

DONE, STATUS, GONE, REDIRECT = "done", "status", "gone", "redirect"
UNRESOLVED, REFUSED_ADDRESS, UNREACHABLE, TLS = "unresolved", "address", "unreachable", "tls"
TIMEOUT, TOO_LONG, NOT_HTTP = "timeout", "too-long", "not-http"
LIMIT_SECONDS = 10.0
LIMIT_BYTES = 64 << 10


class Answer(NamedTuple):
    """Hold one attempt's result: one of these words, or one that whoever posts has beside them."""

    result: str
    status: int | None = None
    milliseconds: int = 0
    retry_seconds: int = 0  # that it asked us to wait
