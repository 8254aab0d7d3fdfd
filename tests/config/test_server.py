"""The server as the image starts it: what a request says of its own address is not believed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from config.connections import Connection
from tests import parts
from tests.mqtt.processes import Process, running

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

ROOT = Path(__file__).resolve().parents[2]
FORGED = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}


async def seen(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that answers with what the server says of the request."""
    if scope["type"] == "lifespan":
        return
    body = json.dumps([scope["client"][0], scope["scheme"]]).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(("is_proxied", "heard"), [(False, 2), (True, 6)])
def test_what_an_address_may_open_is_not_counted_behind_a_proxy(
    is_proxied: bool, heard: int, settings: Settings
) -> None:
    """There all come from the proxy's."""
    settings.BEHIND_PROXY, settings.CONNECTS_ADDRESS = is_proxied, 0.4

    async def scene() -> list[bytes]:
        state = {"config": Config(seen, log_config=None), "server_state": ServerState(), "app_state": {}}
        server = await asyncio.get_running_loop().create_server(lambda: Connection(**state), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return [await _ask(port) for _ in range(6)]

    assert sum(answer.startswith(b"HTTP/1.1 200") for answer in asyncio.run(scene())) == heard


async def _ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_forwarded_headers_change_nothing() -> None:
    command = json.loads(re.findall(r"^CMD (\[.*?\])$", (ROOT / "Dockerfile").read_text().replace("\\\n", ""), re.M)[0])
    port = parts.free_port()
    given = {"config.asgi:application": f"{__name__}:seen", "0.0.0.0": "127.0.0.1", "8000": str(port)}
    process = Process([sys.executable, "-m", *(given.get(word, word) for word in command)], port, dict(os.environ))
    with running(process), urlopen(Request(f"http://127.0.0.1:{port}/", headers=FORGED), timeout=10) as answer:
        assert json.load(answer) == ["127.0.0.1", "http"]
