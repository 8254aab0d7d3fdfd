"""Connections that say nothing, too much, or read nothing: the site answers others all the while."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from django.templatetags.static import static

from config import connections
from tests import parts
from tests.mqtt.processes import Process, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.faults, pytest.mark.slow]

FEW = 128  # descriptors
SITE = ("-m", "uvicorn", "config.asgi:application", "--http", "config.connections:Connection", "--log-level", "error")


@pytest.fixture(scope="module")
def site() -> Iterator[Process]:
    port = parts.free_port()
    command = ["prlimit", f"--nofile={FEW}:{FEW}", sys.executable, *SITE, "--port", str(port)]
    with running(Process(command, port, {**os.environ, "HEAD_SECONDS": "0.5"})) as process:
        yield process


def connect(site: Process, first: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    client.sendall(first)
    return client


def answers(site: Process) -> bool:
    with urlopen(f"http://127.0.0.1:{site.port}/offline/", timeout=10) as page:
        return bool(page.status == 200)


def rest_of(client: socket.socket) -> int:
    """How many bytes still came until it was closed."""
    size = 0
    with suppress(ConnectionError):
        while got := client.recv(1 << 16):
            size += len(got)
    return size


def is_cut(client: socket.socket, data: bytes, *, times: int, pause: float) -> bool:
    """Whether the connection ended while this was sent again and again."""
    with suppress(ConnectionError):
        for _ in range(times):
            client.sendall(data)
            time.sleep(pause)
        return False
    return True


def test_silent_ones_make_room_and_go(site: Process) -> None:
    with ExitStack() as silent:
        clients = [silent.enter_context(connect(site, b"GET / HT"[: n % 9])) for n in range(3 * FEW)]
        assert answers(site)
        began = time.monotonic()
        assert [rest_of(client) for client in clients] == [0] * len(clients)
        assert time.monotonic() - began < 5


def test_an_address_that_connects_without_end_is_not_heard(site: Process) -> None:
    begun = time.monotonic()
    with ExitStack() as held:
        for _ in range(700):
            one = held.enter_context(socket.socket())
            one.bind(("127.0.0.2", 0))
            one.settimeout(10)
            with suppress(ConnectionError):
                one.connect(("127.0.0.1", site.port))
        assert time.monotonic() - begun < 2, "too slow to say anything"
        with suppress(ConnectionError):
            one.sendall(b"GET /offline/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert rest_of(one) == 0
    assert answers(site)


@pytest.mark.parametrize("before", [b"", b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "next"])
def test_who_goes_on_slowly_with_a_head_is_not_waited_for(site: Process, before: bytes) -> None:
    client = connect(site, before)
    if before:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 302 ")
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert is_cut(client, b"X-More: 1\r\n", times=100, pause=0.05)


@pytest.mark.parametrize("endless", [b"X-More: 1\r\n" * 1000, b"x" * 10_000], ids=["headers", "one header"])
def test_a_head_has_an_end(site: Process, endless: bytes) -> None:
    client = connect(site, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
    is_cut(client, endless, times=100, pause=0.002)
    with suppress(ConnectionError):
        assert client.recv(100).startswith(b"HTTP/1.1 431 ")
    assert rest_of(client) < 100


def test_trailers_and_bodies_after_the_answer_have_an_end(site: Process) -> None:
    chunked = b"POST /offline/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    for first in (chunked, b"POST /static/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n"):
        client = connect(site, first)
        assert is_cut(client, b"X-More: 1\r\n" * 1000, times=3000, pause=0.001)


def test_who_reads_nothing_is_not_waited_for(site: Process) -> None:
    large = static("vendor/zxing-wasm/zxing_reader.wasm")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", site.port))
    client.sendall(f"GET {large} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 40)
    time.sleep(3.5)
    client.settimeout(5)
    assert rest_of(client) < 10 << 20
    assert answers(site)


def test_limits_of_open_files_are_raised() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = "from config import asgi, connections; print(connections.read_descriptor_limit())"  # as a server does
    said = subprocess.run(
        ["prlimit", "--nofile=100:1000", sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "1000"
    assert "only 1000 files can be open: raise the hard limit" in said.stderr
    assert connections.compute_connection_limit() < (
        connections.DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    )
