"""What murano-client 21.12 and older firmware send, byte for byte, to the server as it runs in production.

The answers are what those clients go by. The client is no dependency of ours: these are its requests, as captured.
"""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest

from telemetry.models import Latest
from tests import builders, parts
from tests.mqtt.processes import Process, eventually, python, running
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.models import Device
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.slow]
AGENT = "User-Agent: MuranoHTTP-21.12.22\r\nAccept-Encoding: gzip, deflate\r\n"
LINES = AGENT + "Accept: {accept}\r\nConnection: keep-alive\r\n"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
POLLING = 30


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Send bytes on one connection, and read one answer to each."""

    def __init__(self, site: Site) -> None:
        self._at = socket.create_connection(("127.0.0.1", site.process.port), timeout=30)
        self._host = f"kanarra.localhost:{site.process.port}"
        self._rest = b""

    def send(self, request: str, body: bytes = b"", *, cik: str = "", accept: str = "*/*", more: str = "") -> Answer:
        form = f"Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n" if body else ""
        key = f"X-Exosite-CIK: {cik}\r\n" if cik else ""
        head = f"{request} HTTP/1.1\r\nHost: {self._host}\r\n{LINES.format(accept=accept)}{form}{more}{key}\r\n"
        return self.exchange(head.encode() + body)

    def exchange(self, sent: bytes) -> Answer:
        self._at.sendall(sent)
        head = self._read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        assert "transfer-encoding" not in headers
        return Answer(int(head[0].split()[1]), headers, self._read(int(headers["content-length"])))

    def _read_until(self, end: bytes) -> bytes:
        while end not in self._rest:
            self._rest += self._at.recv(65536) or pytest.fail(f"closed after {self._rest!r}")
        read, _, self._rest = self._rest.partition(end)
        return read

    def _read(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._rest += self._at.recv(65536)
        read, self._rest = self._rest[:size], self._rest[size:]
        return read


class Site(NamedTuple):
    process: Process
    device: Device


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    version = builders.make_recipe(world.kanarra, "Meter", identity={"kind": "base10", "length": 8})
    make_door(version)
    device = builders.make_device(version, serial="00000001")
    port = parts.free_port()
    command = ("-m", "uvicorn", "config.asgi:application", "--port", str(port), "--log-level", "critical")
    with running(python(*command, port=port, DEVICE_DOMAINS="localhost")) as process:
        yield Site(process, device)


def activate(client: Client) -> str:
    answer = client.send("POST /provision/activate", b"id=00000001")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert re.fullmatch("[0-9a-f]{40}", answer.body.decode())
    return answer.body.decode()


def test_a_life_of_gdc(site: Site) -> None:
    client = Client(site)
    said = client.send("GET /timestamp")
    assert abs(int(said.body) - time.time()) < 30
    cik = activate(client)
    again, nobody = (client.send("POST /provision/activate", b"id=" + each) for each in (b"00000001", b"99999999"))
    assert (again.status, again.body) == (409, b"")
    assert (nobody.status, nobody.body) == (404, b"")

    def write(body: bytes) -> None:
        answer = client.send("POST /onep:v1/stack/alias", body, cik=cik)
        assert (answer.status, answer.body) == (204, b"")

    def read(query: str, key: str = cik, more: str = "") -> tuple[int, bytes]:
        answer = client.send(f"GET /onep:v1/stack/alias?{query}", cik=key, accept=FORM, more=more)
        return answer.status, answer.body

    write(b"rpm=1800.5")
    write(b"engineState=a b&c=d+e%20\xfc")
    write(b'data_in={"rpm": 1800, "x": "a&b"}')
    assert read("rpm&engineState") == (200, b"rpm=1800.5&engineState=a%20b")
    assert read("nope") == (204, b"")
    assert read("rpm", "0" * 40) == (401, b"")
    assert client.send("POST /onep:v1/stack/alias", b"rpm=1", cik="0" * 40).status == 401
    at = int(time.time()) + 5
    for moment, value in ((str(at), "1700"), (f"{at}.5", "1701")):
        sent = f"alias=rpm&{moment}={value}".encode()
        assert client.send("POST /onep:v1/stack/record", sent, cik=cik).status == 204
    sent = f"alias=rpm&{at}=1&{at}=2".encode()
    conflict = client.send("POST /onep:v1/stack/record", sent, cik=cik)
    assert (conflict.status, conflict.body) == (409, f"rpm={at}".encode())
    began = time.monotonic()
    assert read("rpm", more=f"Request-Timeout: 500\r\nIf-Modified-Since: {at}\r\n") == (304, b"")
    assert time.monotonic() - began >= 0.5
    assert read("rpm", more="Request-Timeout: 2000\r\nIf-Modified-Since: 1700000000\r\n") == (200, b"rpm=1701")


def test_older_firmware_says_its_key_on_the_other_path_and_closes(site: Site) -> None:
    cik = activate(Client(site))
    form = f"X-Exosite-CIK: {cik}\r\nContent-Type: {FORM}\r\n"
    head = f"POST /api:v1/stack/alias HTTP/1.1\r\nHost: localhost\r\n{form}Content-Length: 6\r\n\r\nrpm=55"
    client = Client(site)
    for _ in range(2):
        answer = client.exchange(f"{head}\r\n".encode())  # an empty line that nobody counted
        assert (answer.status, answer.headers["content-length"]) == (204, "0")
    body = "vendor=p&model=p&sn=00000001"
    close = f"Connection: Close \r\nContent-Type: {FORM}\r\ncontent-length:{len(body)}\r\n\r\n"
    head = f"POST /provision/activate HTTP/1.1\r\nHost: kanarra.localhost\r\n{close}"
    assert Client(site).exchange(f"{head}{body}".encode()).status == 409


def test_old_modems_speak_http_1_0_and_get_a_whole_answer(site: Site) -> None:
    cik = activate(Client(site))
    key = f"X-Exosite-CIK: {cik}\r\nContent-Type: {FORM}\r\n"
    for request, body, status, told in (
        ("POST /onep:v1/stack/alias", "rpm=55", 204, b""),
        ("GET /onep:v1/stack/alias?rpm", "", 200, b"rpm=55"),
        ("GET /onep:v1/stack/alias?nope", "", 204, b""),
        ("POST /provision/activate", "vendor=p&model=p&sn=00000001", 403, b""),  # without Host: of no organisation
    ):
        head = f"{request} HTTP/1.0\r\n{key}" + (f"Content-Length: {len(body)}\r\n" if body else "")
        answer = Client(site).exchange(f"{head}\r\n{body}".encode())
        assert (answer.status, answer.body) == (status, told)
        assert answer.headers["connection"] == "close"


def test_its_watcher_waits_without_a_thread_and_is_not_asked_each_second(site: Site) -> None:
    client = Client(site)
    cik = activate(client)
    client.send("POST /onep:v1/stack/alias", b"rpm=1", cik=cik)
    before = site.process.threads

    def watch(_: int) -> Answer:
        more = "Request-Timeout: 20000\r\nIf-Modified-Since: 0\r\n"
        return Client(site).send("GET /onep:v1/stack/alias?engineState&rpm", cik=cik, accept=FORM, more=more)

    with ThreadPoolExecutor(POLLING) as threads:
        waiting = [threads.submit(watch, each) for each in range(POLLING)]
        eventually(lambda: sum(each.done() for each in waiting) == POLLING - 4, 30)  # the oldest of more than four end
        time.sleep(1)
        assert sum(each.done() for each in waiting) == POLLING - 4
        assert site.process.threads - before <= 8  # which look, however many wait
        client.send("POST /onep:v1/stack/alias", b"engineState=on", cik=cik)
        answers = [each.result() for each in waiting]
    told = [(answer.status, answer.body) for answer in answers]
    assert told.count((200, b"engineState=on&rpm=1")) == 4
    assert told.count((304, b"")) == POLLING - 4
    assert all("last-modified" in answer.headers for answer in answers if answer.status == 200)
    assert set(Latest.objects.get(device=site.device).data) == {"rpm", "engineState"}
