"""How the site stops: it says that it is not ready, goes on for DRAIN_SECONDS, ends streams, and lets the server go.

The server (uvicorn) closes its port, finishes what was asked, and gives up on the rest after its own limit.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings

from devices import streams
from lib import stopping
from provisioning.doors.activate import polling

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[int, Any], Any]

log = logging.getLogger(__name__)


def heed_signals() -> None:
    """Stand before the server's own handling of SIGTERM; from the event loop of the main thread, once it runs."""
    server = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is threading.main_thread() and callable(server):
        signal.signal(signal.SIGTERM, _make_handler(asyncio.get_running_loop(), server))


def _make_handler(loop: asyncio.AbstractEventLoop, server: Handler) -> Handler:
    def end() -> None:
        stopping.close()
        streams.open_streams.end_all(streams.RESTART)
        polling.polls.end_all(streams.RESTART)
        server(signal.SIGTERM, None)

    def wait() -> None:
        log.info("told to stop: not ready any more, stopping in %g s", settings.DRAIN_SECONDS)
        loop.call_later(settings.DRAIN_SECONDS, end)

    def handle(number: int, frame: object) -> None:
        """Wait at the first, end at the second."""
        first = not stopping.is_stopping()
        stopping.begin()
        loop.call_soon_threadsafe(wait if first else end)

    return handle
