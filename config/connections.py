"""The site's connections: none stays that says nothing, none takes endless heads, and the process has room for many.

For uvicorn: `--http config.connections:Connection`.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lib.addresses import normalise_address
from lib.lines import LINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

log = logging.getLogger(__name__)

HEAD_BYTES = 1 << 16  # of what is no body: request line, headers, the framing of chunks
FRAMING = 8  # bytes around each byte of a body in the smallest chunks
DESCRIPTORS = 65_536
ENOUGH_DESCRIPTORS = 8_192  # for 5,000 streams and what a site needs besides
OWN_DESCRIPTORS = 256  # of it for the database, Redis, files; of few, a quarter
PATIENCE = 6  # times HEAD_SECONDS for a reader who does not read
CONNECTS_AT_ONCE = 5  # seconds' worth of new connections that an address may have saved up
ADDRESSES = 10_000  # that are remembered


def raise_descriptors() -> None:
    """Raise this process's limit of open files as far as it may, and say so if that is little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if (most := read_descriptor_limit()) < ENOUGH_DESCRIPTORS:
        log.warning("only %s files can be open: raise the hard limit (LimitNOFILE, ulimits) to %s", most, DESCRIPTORS)


def read_descriptor_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def compute_connection_limit() -> int:
    """Return how many connections a process holds: beyond it the one that has been silent for longest goes."""
    return read_descriptor_limit() - min(OWN_DESCRIPTORS, read_descriptor_limit() // 4)


class Connects:
    """Count the new connections that each address opened lately. Behind a proxy it is the proxy that knows."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, address: str) -> bool:
        rate: float = settings.CONNECTS_ADDRESS
        address, now = normalise_address(address), time.monotonic()
        left, at = self._left.pop(address, (CONNECTS_AT_ONCE * rate, now))
        left = min(left + (now - at) * rate, CONNECTS_AT_ONCE * rate)
        self._left[address] = (max(left - 1, 0), now)
        if len(self._left) > ADDRESSES:
            self._left.popitem(last=False)
        return left >= 1


class Connection(asyncio.Protocol):
    """Hear those whose address may open one more; one that may not costs as little as can be: it is closed unheard."""

    _connects = Connects()

    def __init__(self, **options: Any) -> None:
        self._options = options

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = transport.get_extra_info("peername")
        if peer and not settings.BEHIND_PROXY and not self._connects.admits(peer[0]):
            transport.abort()
            return
        heard = Heard(**self._options)
        transport.set_protocol(heard)
        heard.connection_made(transport)


class OpenLine:
    """Be the line (lib.lines) of a request: what keeps a connection whose answer goes on without it."""

    __slots__ = ("_chunked", "_cycle", "_heard", "_lost", "is_taken")

    def __init__(self, heard: Heard, cycle: RequestResponseCycle) -> None:
        self._heard, self._cycle = heard, cycle
        self._lost: Callable[[], None] | None = None
        self._chunked = self.is_taken = False

    @property
    def is_clogged(self) -> bool:
        return self._heard.flow.write_paused

    def take(self, lost: Callable[[], None]) -> None:
        self.is_taken, self._lost = True, lost
        self._chunked = bool(self._cycle.chunked_encoding)
        self._heard.line = self
        if self._cycle.disconnected:
            self._heard.loop.call_soon(self.lose)

    def write(self, data: bytes) -> None:
        if not self._heard.transport.is_closing():
            self._heard.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        if self._chunked and not self._heard.transport.is_closing():
            self._heard.transport.write(b"0\r\n\r\n")
        self._heard.transport.close()

    def abort(self) -> None:
        self._heard.transport.abort()

    def lose(self) -> None:
        """Say that the reader went."""
        self._heard.line = None
        if self._lost is not None:
            self._lost()

    def leave_open(self) -> None:
        """Let uvicorn take the request for answered, whose task ends now, and then for one whose answer goes on: what
        the same connection asks meanwhile waits."""
        self._cycle.response_complete = True
        self._heard.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._cycle.response_complete = False
        if self._heard.cycle is self._cycle:
            self._heard.headers, self._heard.url = [], b""
            self._heard.scope = {}  # type: ignore[typeddict-item]
        self._cycle.scope = {}  # type: ignore[typeddict-item]


class Heard(HttpToolsProtocol):
    """Limit what comes before a request is one; else uvicorn's."""

    _silent: ClassVar[dict[Heard, None]] = {}  # those that asked nothing that is not answered, oldest first

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loaded, self.app = self.app, self._answer
        self.line: OpenLine | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._bytes = self._body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > compute_connection_limit():
            oldest = next(iter(self._silent))
            oldest.transport.abort()
            oldest._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self.resume_writing()
        super().connection_lost(exc)
        if self.line is not None:
            self.line.lose()

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        super().data_received(data)  # which ends the time limit of kept-alive connections
        if self._timer is None and self in self._silent:
            self._time()
        if self._bytes > HEAD_BYTES + FRAMING * self._body and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._bytes = self._body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._forget()
        super().on_headers_complete()
        self.scope[LINE] = OpenLine(self, self.cycle)  # type: ignore[literal-required]

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        """Let the site answer, or begin to: it may go on by the request's line."""
        line: OpenLine = scope[LINE]

        async def send_part(message: Any) -> None:
            if not line.is_taken:
                await send(message)

        await self._loaded(scope, receive, send_part)
        if line.is_taken:
            line.leave_open()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        if not self.pipeline:
            self._silent[self] = None
            if self.cycle.more_body:
                self.transport.close()  # answered before all was sent: the rest is not wanted
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(PATIENCE * settings.HEAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _wait(self) -> None:
        self._silent[self] = None
        self._time()

    def _time(self) -> None:
        self._timer = self.loop.call_later(settings.HEAD_SECONDS, self.transport.abort)

    def _forget(self) -> None:
        self._silent.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse_head(self) -> None:
        text = b"The head of a request has 64 KB at most.\n"
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\nconnection: close\r\n"
        if self._body == 0:
            self.transport.write(head + b"content-length: %d\r\n\r\n" % len(text) + text)
        self.transport.close()
