"""What ends TLS before site and broker, in the demo and in production, asked the same: what it lets through, what it
tells the site of a client certificate, and that nobody else can tell it that."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.conf import settings

from config.certificates import AUTHORITY, renew_certificate
from tests import certificates, parts
from tests.mqtt.processes import Process, running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.faults, pytest.mark.slow]

DOCKER = Path(settings.BASE_DIR) / "docker/haproxy"
NAMES = ["localhost", "127.0.0.1"]


class Site(BaseHTTPRequestHandler):
    """It answers with what it was told."""

    protocol_version = "HTTP/1.1"
    heard: list[str]

    def do_GET(self) -> None:
        type(self).heard.append(f"{self.command} {self.path}")
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else b""
        told = {name.lower(): self.headers.get_all(name) for name in self.headers}
        said = json.dumps({"headers": told, "length": len(body)}).encode()
        self.send_response(200)
        if self.path == "/stream/":
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            time.sleep(3)
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


class End(NamedTuple):
    """A TLS end, and what is behind it."""

    https: int
    mqtts: int
    folder: Path
    site: type[Site]

    def context(self, certificate: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.folder / AUTHORITY)
        if certificate:
            context.load_cert_chain(certificate)
        return context

    def connect(
        self, certificate: Path | None = None, context: ssl.SSLContext | None = None
    ) -> http.client.HTTPSConnection:
        context = context or self.context(certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.https, timeout=20, context=context)

    def ask(self, certificate: Path | None = None, path: str = "/", **headers: str) -> dict[str, list[str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return read(self.connect(certificate), path, named)


def read(client: http.client.HTTPSConnection, path: str = "/", headers: Any = None) -> dict[str, list[str]]:
    """What the site was told."""
    client.request("GET", path, headers=headers or {})
    told: dict[str, list[str]] = json.load(client.getresponse())["headers"]
    client.close()
    return told


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[int, int, type[Site]]]:
    """A site, and a broker that sends back what it gets."""
    handler = type("Heard", (Site,), {"heard": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    broker = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        while True:
            client, _ = broker.accept()
            with client:
                while said := client.recv(100):
                    client.sendall(said)

    for work in (server.serve_forever, echo):
        threading.Thread(target=work, daemon=True).start()
    yield server.server_address[1], broker.getsockname()[1], handler
    server.shutdown()


@pytest.fixture(scope="module", params=["demo", "haproxy"])
def end(
    request: pytest.FixtureRequest, behind: tuple[int, int, type[Site]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[End]:
    site, broker, handler = behind
    folder = tmp_path_factory.mktemp("tls")
    file = renew_certificate(folder, NAMES)
    made = End(parts.free_port(), parts.free_port(), folder, handler)
    if request.param == "demo":
        command = [sys.executable, "-m", "config.demo.tls_front", "--certificate", str(file)]
        command += ["--https", f"127.0.0.1:{made.https}", "--site", f"127.0.0.1:{site}"]
        command += ["--mqtts", f"127.0.0.1:{made.mqtts}", "--broker", f"127.0.0.1:{broker}"]
        with running(Process(command, made.mqtts)):
            yield made
        return
    bound = {"BIND_HTTP": f"127.0.0.1:{parts.free_port()}", "BIND_HTTPS": f"127.0.0.1:{made.https}"}
    bound |= {"WEB": f"127.0.0.1:{site}", "TLS_CERTIFICATE": str(file)}
    with running(
        Process([parts.needs("haproxy"), "-f", str(DOCKER / "haproxy.cfg")], made.https, {**os.environ, **bound})
    ):
        yield made


DEVICES: dict[str, Any] = {
    "signed by itself": {},
    "expired": {"since": timedelta(days=-9), "until": timedelta(days=-3)},
    "not valid yet": {"since": timedelta(days=3), "until": timedelta(days=9)},
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", [*DEVICES, "of an authority that nobody knows"])
def test_the_site_is_told_of_any_certificate_whose_key_was_proved(
    end: End, kind: str, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    by = None if kind in DEVICES else certificates.make("Nobody's authority", authority=True)
    made = certificates.make(by=by, **DEVICES.get(kind, {}))
    context = end.context(made.write(tmp_path))
    context.maximum_version = version
    client = end.connect(context=context)
    for _ in range(2):  # on one connection
        client.request("GET", "/", headers={"Client-Cert": certificates.make().header})
        told = json.load(client.getresponse())["headers"]
        assert told["client-cert"] == [made.header]
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.sock.version() == version.name.replace("v1_", "v1.")


def test_nobody_says_so_of_themselves(end: End) -> None:
    header = certificates.make().header
    told = end.ask(
        Client_Cert=header,
        Client_Cert_Chain=header,
        X_Forwarded_For="6.6.6.6",
        X_Forwarded_Proto="http",
        X_Forwarded_Host="x.example",
        Forwarded="for=6",
    )
    assert not {"client-cert", "client-cert-chain", "forwarded", "x-forwarded-host"} & set(told)
    assert (told["x-forwarded-for"], told["x-forwarded-proto"]) == (["127.0.0.1"], ["https"])
    assert told["host"] == [f"127.0.0.1:{end.https}"]


def test_a_certificate_without_its_key_ends_the_handshake(end: End, tmp_path: Path) -> None:
    made = certificates.make()
    assert end.ask(made.write(tmp_path))["client-cert"]
    heard = len(end.site.heard)
    client = end.connect(certificates.write_without_its_key(made, tmp_path))  # which the client takes for the key
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"decrypt error|closed|reset"):
        read(client)
    assert len(end.site.heard) == heard


def test_no_request_hides_in_another(end: End) -> None:
    hidden = f"GET /hidden HTTP/1.1\r\nHost: x\r\nClient-Cert: {certificates.make().header}\r\n\r\n"
    chunk = f"{len(hidden):x}\r\n{hidden}\r\n0\r\n\r\n"
    for framing in (
        f"Content-Length: {len(hidden)}\r\n\r\n{hidden}",
        f"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}",
        f"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{chunk}",
        f"Transfer-Encoding : chunked\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
        f"Transfer-Encoding: identity, chunked\r\n\r\n{chunk}",
        f"Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
        f"X: y\nClient-Cert: {certificates.make().header}\r\n\r\n",
    ):
        with end.context().wrap_socket(
            socket.create_connection(("127.0.0.1", end.https), 10), server_hostname="localhost"
        ) as client:
            client.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{framing}".encode())
            said = b""
            try:
                while more := client.recv(65536):
                    said += more
            except (TimeoutError, ConnectionError, ssl.SSLError):
                pass
        assert b"client-cert" not in said, framing
    assert not [each for each in end.site.heard if "hidden" in each]


def test_bodies_and_streams_pass_as_they_come(end: End) -> None:
    client = end.connect()
    client.request("POST", "/", b"x" * 2_000_000)
    assert json.load(client.getresponse())["length"] == 2_000_000
    client.request("GET", "/stream/")
    began = time.monotonic()
    assert client.getresponse().read(13) == b"data: first\n\n"
    assert time.monotonic() - began < 2
    client.close()


def test_a_request_of_http_1_0_names_no_host(end: End) -> None:
    with (
        socket.create_connection(("127.0.0.1", end.https), timeout=20) as plain,
        end.context().wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(b"GET /old HTTP/1.0\r\n\r\n")
        with client.makefile("rb") as answer:
            assert answer.read().split(b" ", 2)[1] == b"200"


def test_organisations_by_host_name_have_a_certificate_and_strangers_none(tmp_path: Path) -> None:
    file = renew_certificate(tmp_path, ["*.devices.example", "127.0.0.1"])
    first = (tmp_path / AUTHORITY).read_text()
    assert renew_certificate(tmp_path, ["localhost"]) == file
    assert (tmp_path / AUTHORITY).read_text() == first
    assert file.stat().st_mode & 0o777 == 0o600
    for name in ("a..b", "é"):
        with pytest.raises(ValueError):
            renew_certificate(tmp_path, [name])


@pytest.mark.parametrize("end", ["demo"], indirect=True)  # of HAProxy: test_front.py
def test_mqtt_over_tls_reaches_the_broker(end: End) -> None:
    reached = socket.create_connection(("127.0.0.1", end.mqtts), 10)
    with end.context().wrap_socket(reached, server_hostname="localhost") as client:
        for said in (b"CONNECT", b"x" * 100_000):
            client.sendall(said)
            got = b""
            while len(got) < len(said):
                got += client.recv(65536)
            assert got == said
