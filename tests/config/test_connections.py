"""A process holds as many connections as it has files for, and an address opens a few new ones a second."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from config import connections
from config.connections import Connects, OpenLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

INFINITY = resource.RLIM_INFINITY


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limits that were set, the last of which holds."""
    put: list[tuple[int, int]] = [(1_024, 1 << 20)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: put[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: put.append(limit))
    return put


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((1_024, 1 << 20), (connections.DESCRIPTORS, 1 << 20), False),
        ((1_024, 4_096), (4_096, 4_096), True),
        ((1_024, INFINITY), (connections.DESCRIPTORS, INFINITY), False),
        ((100_000, 1 << 20), (100_000, 1 << 20), False),
        ((INFINITY, INFINITY), (INFINITY, INFINITY), False),
        ((8_192, 8_192), (8_192, 8_192), False),
        ((8_191, 8_191), (8_191, 8_191), True),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_it_may(
    limits: list[tuple[int, int]],
    caplog: pytest.LogCaptureFixture,
    before: tuple[int, int],
    after: tuple[int, int],
    *,
    told: bool,
) -> None:
    limits[:] = [before]
    with caplog.at_level(logging.WARNING):
        connections.raise_descriptors()
    assert limits[-1] == after
    assert ("raise the hard limit" in caplog.text) is told


@pytest.mark.parametrize(("soft", "most"), [(65_536, 65_280), (1_024, 768), (400, 300), (INFINITY, 65_280)])
def test_some_files_are_kept_for_the_database(limits: list[tuple[int, int]], soft: int, most: int) -> None:
    limits[:] = [(soft, INFINITY)]
    assert connections.compute_connection_limit() == most


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_an_address_may_save_up_five_seconds_worth(settings: Settings, clock: list[float]) -> None:
    settings.CONNECTS_ADDRESS = 2.0
    connects = Connects()
    assert [connects.admits("192.0.2.7") for _ in range(12)] == [True] * 10 + [False] * 2
    clock[0] += 0.5
    assert [connects.admits("192.0.2.7") for _ in range(2)] == [True, False]
    clock[0] += 3_600
    assert sum(connects.admits("192.0.2.7") for _ in range(12)) == 10
    assert connects.admits("192.0.2.8")


def test_of_ipv6_a_whole_network_counts_as_one(settings: Settings, clock: list[float]) -> None:
    settings.CONNECTS_ADDRESS = 0.4
    connects = Connects()
    asked = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2::3", "2001:db8:1:3::1"]
    assert [connects.admits(address) for address in asked] == [True, True, False, True]


def test_addresses_that_came_long_ago_are_forgotten(
    settings: Settings, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CONNECTS_ADDRESS = 0.2
    monkeypatch.setattr(connections, "ADDRESSES", 3)
    connects = Connects()
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.4"):
        connects.admits(address)
    assert [*connects._left] == ["192.0.2.1", "192.0.2.3", "192.0.2.4"]


# Lines ----------------------------------------------------------------------------------------


class Transport:
    def __init__(self) -> None:
        self.written, self.ended = b"", ""

    def is_closing(self) -> bool:
        return bool(self.ended)

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def open_line(*, chunked: bool, disconnected: bool = False) -> tuple[OpenLine, Any, list[str]]:
    """Return a line that is taken, whose connection it is of, and what was said when it was lost."""
    soon: list[Callable[[], None]] = []
    heard: Any = SimpleNamespace(
        transport=Transport(),
        flow=SimpleNamespace(write_paused=False),
        line=None,
        loop=SimpleNamespace(call_soon=soon.append),
        soon=soon,
    )
    cycle: Any = SimpleNamespace(
        chunked_encoding=chunked, disconnected=disconnected, response_complete=False, scope={1: 2}
    )
    heard.cycle = cycle
    line, lost = OpenLine(heard, cycle), list[str]()
    line.take(lambda: lost.append("lost"))
    return line, heard, lost


@pytest.mark.parametrize(
    ("chunked", "written"), [(True, b"2\r\nab\r\nb\r\n0123456789a\r\n0\r\n\r\n"), (False, b"ab0123456789a")]
)
def test_a_line_writes_as_its_answer_began(written: bytes, *, chunked: bool) -> None:
    line, heard, _ = open_line(chunked=chunked)
    assert heard.line is line
    line.write(b"ab")
    line.write(b"0123456789a")
    line.end()
    line.write(b"late")
    assert (heard.transport.written, heard.transport.ended) == (written, "closed")


def test_a_line_that_breaks_off_says_no_end() -> None:
    line, heard, _ = open_line(chunked=True)
    line.write(b"a")
    line.abort()
    line.end()
    assert heard.transport.written == b"1\r\na\r\n"


def test_who_does_not_read_is_seen() -> None:
    line, heard, _ = open_line(chunked=True)
    assert not line.is_clogged
    heard.flow.write_paused = True
    assert line.is_clogged


def test_the_end_of_a_line_is_told_once_the_reader_went() -> None:
    line, heard, lost = open_line(chunked=True)
    line.lose()
    assert (lost, heard.line) == (["lost"], None)


def test_a_reader_who_went_before_is_told_too() -> None:
    _, heard, lost = open_line(chunked=True, disconnected=True)
    assert lost == []
    (soon,) = heard.soon
    soon()
    assert lost == ["lost"]


def test_a_request_that_is_left_open_keeps_nothing_of_itself() -> None:
    line, heard, _ = open_line(chunked=True)
    line.leave_open()
    assert heard.cycle.response_complete  # for the server, whose task ends
    (go_on,) = heard.soon
    go_on()
    assert not heard.cycle.response_complete
    assert (heard.headers, heard.url, heard.scope, heard.cycle.scope) == ([], b"", {}, {})


def test_a_connection_that_may_not_open_is_closed_unheard(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BEHIND_PROXY, settings.CONNECTS_ADDRESS = False, 0.0
    monkeypatch.setattr(connections, "Heard", lambda **_: pytest.fail("heard"))
    transport: Any = Transport()
    transport.get_extra_info = lambda _: ("192.0.2.7", 5)

    async def scene() -> None:
        connections.Connection().connection_made(transport)

    asyncio.run(scene())
    assert transport.ended == "aborted"
