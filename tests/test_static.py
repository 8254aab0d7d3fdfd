"""Static files under the ASGI server: kept for ever, never sniffed, many at a time over one connection."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's own files, as a deployment collects them."""
    folder = tmp_path_factory.mktemp("static")
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(command, cwd=settings.BASE_DIR, env={**os.environ, "STATIC_ROOT": str(folder)}, check=True)
    return folder


@pytest.fixture(scope="module")
def port(root: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "config.asgi:application",
        "--port",
        str(number),
        "--log-level",
        "error",
    ]
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env={**os.environ, "STATIC_ROOT": str(root)})
    try:
        wait_for(number)
        yield number
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def script(root: Path) -> str:
    [name] = [path.name for path in (root / "vendor/bootstrap").glob("*.js") if path.name.count(".") == 4]
    return f"/static/vendor/bootstrap/{name}"


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError


def get(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def test_a_hashed_file_is_kept_for_ever(port: int, script: str) -> None:
    answer = get(port, script)
    assert answer.status == 200
    assert "immutable" in str(answer.headers["Cache-Control"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.read() == Path(str(finders.find("vendor/bootstrap/bootstrap.bundle.min.js"))).read_bytes()
    assert "immutable" not in str(get(port, "/static/css/site.css").headers["Cache-Control"])


def test_not_modified_ranges_and_compression(port: int, script: str) -> None:
    whole = get(port, script)
    assert get(port, script, If_Modified_Since=str(whole.headers["Last-Modified"])).status == 304
    part = get(port, script, Range="bytes=0-9")
    assert (part.status, part.read()) == (206, whole.read()[:10])
    assert get(port, script, Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/static/none.css", "/static/../manage.py", "/static/%2e%2e/manage.py", "/static/"])
def test_nothing_else(port: int, path: str) -> None:
    assert get(port, path).status == 404


def test_pipelined_requests_on_one_connection(port: int, script: str) -> None:
    """The next request of a kept-alive connection starts while the one before it is being finished."""
    request = f"GET {script} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = b"GET /static/css/site.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request * 30 + last)
        while part := connection.recv(1 << 20):
            received += part
    assert received.count(b"HTTP/1.1 200 OK") == 31


def test_the_rest_is_django_s(port: int) -> None:
    answer = get(port, "/manifest.webmanifest")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/manifest+json")
    assert re.search(rb"img/icon-512\.[0-9a-f]{12}\.png", answer.read())
