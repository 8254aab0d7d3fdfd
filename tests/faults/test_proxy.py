"""The very file that the containers' proxy runs by, in front of a site that says what it was asked."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from tests import parts
from tests.mqtt.processes import Process, eventually, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.faults, pytest.mark.slow]

FILE = Path(settings.BASE_DIR) / "docker/haproxy/haproxy.cfg"
CONNECTIONS, REQUESTS = 12, 60


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): self.headers.get_all(name) for name in self.headers}).encode()
        self.send_response(200)
        if self.path.endswith("/stream/"):
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            time.sleep(3)
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


class Proxy:
    def __init__(self, port: int, tls: int) -> None:
        self.port, self.tls = port, tls

    def ask(self, path: str = "/", method: str = "GET", body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        client.request(method, path, body, {"Host": "devices.example", "Connection": "close", **named})
        return client.getresponse()


def certificate(folder: Path) -> Path:
    openssl = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    named = ["-subj", "/CN=devices.example", "-keyout", str(folder / "key"), "-out", str(folder / "chain")]
    subprocess.run([*openssl, *named], check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "chain").read_text() + (folder / "key").read_text())
    return folder / "both.pem"


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def proxy(request: pytest.FixtureRequest, site: int, tmp_path: Path) -> Iterator[Proxy]:
    """With TLS where the test asks for it."""
    at = Proxy(parts.free_port(), parts.free_port())
    bound = {"BIND_HTTP": f"127.0.0.1:{at.port}", "BIND_HTTPS": f"127.0.0.1:{at.tls}", "WEB": f"127.0.0.1:{site}"}
    bound |= {"CONNECTIONS_PER_ADDRESS": str(CONNECTIONS), "REQUESTS_PER_ADDRESS": str(REQUESTS)}
    bound |= {"TLS_CERTIFICATE": str(certificate(tmp_path)) if hasattr(request, "param") else ""}
    with running(Process([parts.needs("haproxy"), "-f", str(FILE)], at.port, {**os.environ, **bound})):
        yield at


def test_the_site_hears_of_addresses_what_the_proxy_saw(proxy: Proxy) -> None:
    told = proxy.ask(
        X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="https", X_Forwarded_Host="x.example", Forwarded="for=6"
    )
    heard = json.load(told)
    assert (heard["x-forwarded-for"], heard["x-forwarded-proto"]) == (["127.0.0.1"], ["http"])
    assert heard["host"] == ["devices.example"]
    assert not {"forwarded", "x-forwarded-host"} & set(heard)
    for path in ("/broker/rabbitmq/user", "/%62roker/rabbitmq/user"):
        assert proxy.ask(path, "POST", b"username=x").status == 404


def test_bodies_are_small_but_where_files_go(proxy: Proxy) -> None:
    small, large = b"x" * 2_500_000, b"x" * 3_000_000
    assert proxy.ask("/", "POST", small).status == 200
    assert proxy.ask("/imports/new/", "POST", large).status == 200
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    for path, length in (("/", len(large)), ("/imports/new/", 300_000_000)):
        client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 413"


def test_streams_pass_as_they_come(proxy: Proxy) -> None:
    began = time.monotonic()
    assert proxy.ask("/windows/x/stream/").read(13) == b"data: first\n\n"
    assert time.monotonic() - began < 2


def refuses(proxy: Proxy) -> bool:
    try:
        proxy.ask()
    except (ConnectionError, http.client.HTTPException):
        return True
    return False


def test_one_address_has_its_share(proxy: Proxy) -> None:
    eventually(lambda: proxy.ask().status == 200)
    held: list[socket.socket] = []

    def crowd() -> bool:
        """Take one more place, if there is one, and say whether an ordinary request finds none."""
        with suppress(ConnectionResetError):  # how one beyond the share is refused while it is made
            held.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=5))
        return refuses(proxy)

    eventually(crowd)
    assert len(held) >= CONNECTIONS // 2
    for client in held:
        client.close()
    eventually(lambda: proxy.ask().status == 200)
    refused = [answer for _ in range(REQUESTS) if (answer := proxy.ask()).status == 429]
    assert refused
    assert refused[0].headers["Retry-After"] == "10"


@pytest.mark.parametrize("proxy", ["tls"], indirect=True)
def test_tls_ends_there(proxy: Proxy) -> None:
    led = proxy.ask("/devices/")
    assert (led.status, led.headers["Location"]) == (301, "https://devices.example/devices/")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = http.client.HTTPSConnection("127.0.0.1", proxy.tls, timeout=10, context=context)
    client.request("GET", "/", headers={"X-Forwarded-Proto": "http"})
    assert json.load(client.getresponse())["x-forwarded-proto"] == ["https"]
    assert isinstance(client.sock, ssl.SSLSocket)
    assert client.sock.selected_alpn_protocol() == "http/1.1"  # one request at a time: docs/decisions/0029
