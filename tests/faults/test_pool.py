"""The site's connections to the database: few, shared, and given back whatever its readers do."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.db import connection
from django.urls import reverse

from tests import parts
from tests.faults import slow
from tests.mqtt.processes import Process, eventually, python, running

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]

POOL = 2
KEY = "k" * 32  # of a session
LINES = 60_000  # of some 200 bytes: far more than lies on its way to a reader who does not read


def site(**env: str) -> Process:
    port = parts.free_port()
    command = ("-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "critical")
    return python(*command, port=port, DATABASE_POOL=str(POOL), DOWNLOADS_PERSON="9", **env)


class Reader:
    """The owner, signed in."""

    def __init__(self, world: World, port: int) -> None:
        self.port, self._cookies = port, slow.cookies(world.owner)
        self.headers = {"Cookie": self._cookies}

    def get(self, path: str) -> int:
        with contextlib.suppress(HTTPError), urlopen(Request(self._at(path), headers=self.headers), timeout=20) as page:
            page.read()
            return int(page.status)
        return 500

    def ask(self, path: str) -> socket.socket:
        """Reads the first of the answer, and then nothing."""
        asked = slow.ask(self.port, path, self._cookies)
        assert asked.recv(12) == b"HTTP/1.1 200"
        return asked

    def _at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def reader(world: World) -> Iterator[Reader]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_auditentry (organisation_id, by_id, what, data)"
            " SELECT %s, %s, repeat('x', 180), '{}' FROM generate_series(1, %s)",
            [world.kanarra.pk, world.owner.pk, LINES],
        )
    with running(site()) as process:
        yield Reader(world, process.port)


def theirs() -> int:
    """Connections of others to the test's database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"  # no autovacuum
        )
        return int(cursor.fetchone()[0])


def test_many_requests_share_few_connections(reader: Reader) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(reader.get, ["/"] * 40)) == {200}
    assert 1 <= theirs() <= POOL


def test_slow_readers_keep_no_connection_from_others(reader: Reader) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(POOL + 2):
            slow.enter_context(reader.ask(reverse("provisioning:journal-export")))
        time.sleep(1.0)  # until they hold what is on its way
        assert reader.get("/") == 200


def test_readers_who_leave_take_no_connection_along(reader: Reader) -> None:
    for _ in range(POOL + 2):
        reader.ask(reverse("provisioning:journal-export")).close()
    assert reader.get("/") == 200
    assert theirs() <= POOL


def test_a_connection_that_was_cut_is_replaced(reader: Reader) -> None:
    assert reader.get("/") == 200
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert reader.get("/") == 200


def test_the_site_is_back_soon_after_the_database() -> None:
    initdb = parts.find("postgresql")
    assert initdb is not None
    own = parts.PostgreSQL(initdb)
    own.start()
    try:
        with running(site(DATABASE_URL=own.url)) as process:

            def is_up() -> bool:
                address = f"http://127.0.0.1:{process.port}/healthz"
                try:
                    with urlopen(address, timeout=20) as answer:
                        said = json.load(answer)
                except HTTPError as error:
                    said = json.load(error)
                return bool(said["parts"]["database"] == "up")

            eventually(is_up)
            assert own.process is not None
            own.process.send_signal(signal.SIGINT)
            own.process.wait(20)
            eventually(_not(is_up))
            assert _status(process.port, "/accounts/login/") == (200, None)  # asks it for nothing
            assert _status(process.port, "/", Cookie=f"__Host-sessionid={KEY}; sessionid={KEY}") == (503, "5")
            time.sleep(6.0)  # longer than the pool tries for one request
            own.start()
            eventually(is_up, 6.0)
    finally:
        own.stop()


def _not(check: Callable[[], bool]) -> Callable[[], bool]:
    return lambda: not check()


def _status(port: int, path: str, **headers: str) -> tuple[int, str | None]:
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=20) as answer:
            return answer.status, None
    except HTTPError as error:
        return error.code, error.headers["Retry-After"]
