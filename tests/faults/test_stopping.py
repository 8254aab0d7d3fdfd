"""Real processes that are told to stop under load: no request fails, streams go on elsewhere, and it ends in time."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.conf import settings

from tests import parts
from tests.mqtt.processes import Process, eventually, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

PROXY = Path(settings.BASE_DIR) / "docker/haproxy/haproxy.cfg"
SERVER = ("-m", "uvicorn", "config.asgi:application", "--timeout-graceful-shutdown", "5", "--no-proxy-headers")
SITE = (*SERVER, "--no-access-log", "--http", "config.connections:Connection")
DRAIN = 3.0
TOLD = json.dumps({"status": "not ready", "lacks": ["stopping"]}).encode()


def ask(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def is_ready(port: int) -> bool:
    with suppress(OSError):
        return ask(port, "/readyz")[0] == 200
    return False


def site(drain: float) -> Process:
    port = parts.free_port()
    given = {"DRAIN_SECONDS": str(drain), "TRUSTED_PROXIES": "127.0.0.1", "STREAM_HEARTBEAT_SECONDS": "0.5"}
    return python(*SITE, "--port", str(port), port=port, REQUESTS_ADDRESS="100", **given)


class Pair(NamedTuple):
    """Two sites behind the proxy's very file."""

    port: int
    sites: list[Process]


@pytest.fixture
def pair() -> Iterator[Pair]:
    port, both = parts.free_port(), [site(DRAIN), site(DRAIN)]
    told = {"WEB": f"127.0.0.1:{both[0].port}", "WEB_2": f"127.0.0.1:{both[1].port}", "TLS_CERTIFICATE": ""}
    told |= {"BIND_HTTP": f"127.0.0.1:{port}", "REQUESTS_PER_ADDRESS": "100000"}
    with ExitStack() as stack:
        for each in both:
            stack.enter_context(running(each))
        stack.enter_context(running(Process([parts.needs("haproxy"), "-f", str(PROXY)], port, {**os.environ, **told})))
        eventually(lambda: all(is_ready(each.port) for each in both), 60)
        yield Pair(port, both)


class Load(threading.Thread):
    """Asks without a pause, each time on a new connection, until told to end."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.ended = port, threading.Event()
        self.answers: list[int] = []

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self.answers.append(ask(self.port, "/accounts/login/")[0])
            except OSError:
                self.answers.append(0)


def test_of_two_one_stops_and_no_request_fails(pair: Pair) -> None:
    loads = [Load(pair.port) for _ in range(4)]
    for load in loads:
        load.start()
    eventually(lambda: all(len(load.answers) > 3 for load in loads))
    first = pair.sites[0]
    first.signal(signal.SIGTERM)
    began = time.monotonic()
    eventually(lambda: not first.is_up())
    assert DRAIN <= time.monotonic() - began < DRAIN + 8
    asked = [len(load.answers) for load in loads]
    eventually(lambda: all(len(load.answers) > before + 3 for load, before in zip(loads, asked, strict=True)))
    for load in loads:
        load.ended.set()
        load.join(30)
    assert {status for load in loads for status in load.answers} == {200}


def open_stream(port: int, path: str, cookie: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"event: ")
    return answer


def test_what_lasts_is_ended_what_was_asked_is_answered(client: Client, world: World) -> None:
    """Told to stop it says so first, and goes on; then its streams end, and a request whose body still came is done."""
    client.force_login(world.viewer)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    with running(site(DRAIN)) as process:
        eventually(lambda: is_ready(process.port), 60)
        stream = open_stream(process.port, f"/devices/{world.placed.serial}/stream/", cookie)
        slow = socket.create_connection(("127.0.0.1", process.port), timeout=30)
        slow.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nlogin=")
        process.signal(signal.SIGTERM)
        began = time.monotonic()
        eventually(lambda: ask(process.port, "/readyz") == (503, TOLD), 2)
        assert ask(process.port, "/livez")[0] == 200
        assert ask(process.port, "/accounts/login/")[0] == 200
        said = stream.read()
        assert time.monotonic() - began >= DRAIN
        assert b"closed" not in said  # which would have the page give its stream up
        slow.sendall(b"abc")
        assert slow.recv(12) == b"HTTP/1.1 403"  # it has no token: an answer all the same
        eventually(lambda: not process.is_up(), 8)
        assert time.monotonic() - began < DRAIN + 8


def test_a_second_word_ends_it_at_once() -> None:
    with running(site(60.0)) as process:
        eventually(lambda: is_ready(process.port), 60)
        process.signal(signal.SIGTERM)
        eventually(lambda: not is_ready(process.port))
        process.signal(signal.SIGTERM)
        eventually(lambda: not process.is_up(), 8)


def test_a_site_before_its_migrations_is_not_ready(tmp_path: Path) -> None:
    port = parts.free_port()
    empty = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    with running(Process([sys.executable, *SITE, "--port", str(port)], port, empty)):
        eventually(lambda: ask(port, "/readyz")[1] == b'{"status": "not ready", "lacks": ["migrations"]}', 60)
        assert ask(port, "/livez") == (200, b'{"status": "up"}')
        assert ask(port, "/livez", Host="whatever.example")[0] == 200
