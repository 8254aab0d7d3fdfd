"""The server as the image starts it: what a request says of its own address is not believed."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests import parts
from tests.mqtt.processes import Process, running

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


def test_forwarded_headers_change_nothing() -> None:
    command = json.loads(re.findall(r"^CMD (\[.*?\])$", (ROOT / "Dockerfile").read_text().replace("\\\n", ""), re.M)[0])
    port = parts.free_port()
    given = {"config.asgi:application": f"{__name__}:seen", "0.0.0.0": "127.0.0.1", "8000": str(port)}
    process = Process([sys.executable, "-m", *(given.get(word, word) for word in command)], port, dict(os.environ))
    with running(process), urlopen(Request(f"http://127.0.0.1:{port}/", headers=FORGED), timeout=10) as answer:
        assert json.load(answer) == ["127.0.0.1", "http"]
