"""The demo's back ends, which hooks tell of placed devices: they check who signed, and print what came.

    python -m config.demo.hook_receiver --certificate var/tls/server.pem --hooks var/demo/hooks.json --port 8444

`--hooks` is what `config/demo/hooks.py` writes: of each path the back end's name, its secret, and whether it refuses
each message once, so that one sees it tried again. It listens on the loopback alone, needs no settings, and ends on
SIGTERM.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import signal
import sys
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from config.demo.client_certificates import make_context
from lib.parsing import is_whole_number

HOST, FILE = "127.0.0.1", "hooks.json"
SPAN_SECONDS = 5 * 60  # by which a message may be old: Standard Webhooks 1.0
MOST_BYTES = 64 << 10
MOST_KEPT = 1_000  # messages that are known to have come
LATER_SECONDS = 60  # so that one can look at it meanwhile, and send it by hand
PREFIX = "whsec_"


class Told(NamedTuple):
    """Describe one of the back ends, which lives at a path of its own."""

    name: str
    secret: str
    refuses_once: bool

    def is_signed(self, headers: Any, body: bytes, now: float) -> bool:
        """Decide whether whoever has the secret sent this, and lately."""
        sent, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not (is_whole_number(stamp) and len(stamp) < 12 and abs(now - int(stamp)) <= SPAN_SECONDS):
            return False
        key = base64.b64decode(self.secret.removeprefix(PREFIX))
        right = base64.b64encode(hmac.digest(key, f"{sent}.{stamp}.".encode() + body, "sha256"))
        return any(
            hmac.compare_digest(f"v1,{right.decode()}".encode(), each.encode())
            for each in headers.get("webhook-signature", "").split(" ")
        )


class Receiver(ThreadingHTTPServer):
    """Listen at the port; `hooks` tells who is told at which path."""

    daemon_threads = True

    def __init__(self, port: int, certificate: Path, hooks: dict[str, Told]) -> None:
        super().__init__((HOST, port), _Handler)
        self.hooks = hooks
        self._came: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._lock = Lock()
        # A handshake is the business of the connection's own thread.
        self.socket = make_context(certificate).wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def count(self, path: str, message: str) -> int:
        """Return how often this message came here, this time included."""
        with self._lock:
            times = self._came.pop((path, message), 0) + 1
            self._came[path, message] = times
            if len(self._came) > MOST_KEPT:
                self._came.popitem(last=False)
        return times

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that broke off."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = 10  # seconds, for each read

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        told = self.server.hooks.get(self.path)
        if told is None:
            self._answer(404, f"{self.path}: nobody is told here, or the demo was not started again since")
        elif not (is_whole_number(length) and len(length) < 8 and int(length) <= MOST_BYTES):
            self._answer(413, f"{told.name} did not read a message of {length or 'unknown'} bytes")
        else:
            self._take(told, self.rfile.read(int(length)))

    def _take(self, told: Told, body: bytes) -> None:
        if not told.is_signed(self.headers, body, time.time()):
            self._answer(401, f"{told.name} did not take a message: its signature is not this hook's, or old")
            return
        times = self.server.count(self.path, self.headers["webhook-id"])
        if told.refuses_once and times == 1:
            said = f"{told.name} refuses once: {describe(body)}; it is tried again"
            self._answer(503, said, {"Retry-After": str(LATER_SECONDS)})
        else:
            self._answer(204, f"{told.name} was told: {describe(body)}")

    def _answer(self, status: int, said: str, headers: dict[str, str] | None = None) -> None:
        sys.stdout.write("".join(each if each.isprintable() else "?" for each in f"{said} ({status})") + "\n")
        sys.stdout.flush()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print what was told alone."""


def describe(body: bytes) -> str:
    """Return in a line what a message tells."""
    message = json.loads(body)
    data = message["data"]
    place = " / ".join(data["group"]["path"]) if data["group"] else ""
    return f"{message['type']} {data['serial']}" + (f" “{data['name']}” in {place}" if place else "")


def read_hooks(file: Path) -> dict[str, Told]:
    return {path: Told(**each) for path, each in json.loads(file.read_text()).items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m config.demo.hook_receiver", description="The demo's back ends.")
    parser.add_argument("--certificate", type=Path, required=True, help="PEM: certificate chain and key")
    parser.add_argument("--hooks", type=Path, required=True, help="who is told at which path, with their secrets")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.signal(signal.SIGINT, lambda *_: sys.exit())
    with Receiver(options.port, options.certificate, read_hooks(options.hooks)) as receiver:
        receiver.serve_forever()


if __name__ == "__main__":
    main()
