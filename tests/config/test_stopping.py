"""The site says that it is about to stop, goes on for a while, and then lets the server go; a second word is enough."""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from config import stopping as site
from devices import streams
from lib import stopping
from lib.places import Bound, Places
from provisioning.doors.activate import polling

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings


class Loop:
    """Stand for an event loop; what it is to do later waits until it is told."""

    def __init__(self) -> None:
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, do: Callable[[], None]) -> None:
        self.later.append((seconds, do))

    def call_soon_threadsafe(self, do: Callable[[], None]) -> None:
        do()


@pytest.fixture
def _running(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_stopping", "_closing"):
        monkeypatch.setattr(stopping, name, threading.Event())
    monkeypatch.setattr(streams, "open_streams", Places())
    monkeypatch.setattr(polling, "polls", Places())


def begin(loop: Loop, server: list[tuple[int, object]]) -> Callable[[], None]:
    handler = site._make_handler(loop, lambda number, frame: server.append((number, frame)))  # type: ignore[arg-type]
    return lambda: handler(signal.SIGTERM, None)


@pytest.mark.usefixtures("_running")
def test_it_goes_on_for_a_while_and_then_ends_streams(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.DRAIN_SECONDS = 7
    loop, server, left = Loop(), list[tuple[int, object]](), list[str]()
    for places in (streams.open_streams, polling.polls):
        places.take(Bound("process", None, 5), left=left.append)
    tell = begin(loop, server)
    with caplog.at_level(logging.INFO):
        tell()
    assert "not ready any more, stopping in 7 s" in caplog.text
    assert (stopping.is_stopping(), stopping.is_closing(), left, server) == (True, False, [], [])
    ((seconds, end),) = loop.later
    assert seconds == 7
    end()
    assert (stopping.is_closing(), left) == (True, [streams.RESTART] * 2)
    assert server == [(signal.SIGTERM, None)]


@pytest.mark.usefixtures("_running")
def test_told_twice_it_ends_at_once() -> None:
    loop, server = Loop(), list[tuple[int, object]]()
    tell = begin(loop, server)
    tell()
    tell()
    assert server == [(signal.SIGTERM, None)]
    assert stopping.is_closing()


@pytest.mark.usefixtures("_running")
def test_what_is_closing_is_stopping_too() -> None:
    assert (stopping.is_stopping(), stopping.is_closing()) == (False, False)
    stopping.close()
    assert (stopping.is_stopping(), stopping.is_closing()) == (True, True)


def test_only_the_main_threads_handler_is_stood_before(monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[Any] = []
    monkeypatch.setattr(signal, "signal", lambda *given: put.append(given))
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    site.heed_signals()  # no server handles it
    monkeypatch.setattr(signal, "getsignal", lambda _: print)
    thread = threading.Thread(target=site.heed_signals)
    thread.start()
    thread.join()
    assert put == []
