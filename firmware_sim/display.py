"""What a gateway shows while it waits to be let in: a code and a QR code, on the panel's port until that comes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import label
from .identity import BadInput
from .panel import pages
from .panel.server import FILES, HEADERS, HTML, LOOPBACK, STATIC

if TYPE_CHECKING:
    from types import TracebackType

    from .doors import Shown

EVERY = 3  # seconds in which the page asks whether there is something else


class Display:
    """Serve a page while its `with` block runs, once there is something to show and a port to show it on."""

    def __init__(self, serial: str, address: tuple[str, int] | None) -> None:
        self._serial = serial
        self._address = address
        self._server: ThreadingHTTPServer | None = None
        self._page = b""

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def show(self, shown: Shown) -> str:
        """Show it from now on, and return where, in words. Raises BadInput if the port is not to be had."""
        qr = label.draw_svg(shown.qr, title="QR code of what it shows")
        self._page = pages.render_waiting(self._serial, shown.code, shown.words, qr).encode()
        if self._server is None and self._address is not None:
            self._server = self._open(*self._address)
            threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True).start()
        if self._server is None:
            return "has no display"
        host, port = self._server.server_address[:2]
        return f"with it a QR code on http://{host!s}:{port}/"

    def _open(self, host: str, port: int) -> ThreadingHTTPServer:
        display = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(f"//{self.headers.get('Host', '')}").hostname
                if host in LOOPBACK and asked not in LOOPBACK:  # somebody else's rebound DNS name
                    self.send_error(403)
                    return
                name = self.path.removeprefix("/static/")
                is_file = name in STATIC
                body = (FILES / name).read_bytes() if is_file else display._page
                self.send_response(200)
                headers = {**HEADERS, "Content-Type": STATIC.get(name, HTML), "Content-Length": str(len(body))}
                for header, value in (headers if is_file else {**headers, "Refresh": f"{EVERY}; url=/"}).items():
                    self.send_header(header, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        try:
            return ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise BadInput(
                f"Cannot open the panel on {host}:{port}: {error.strerror}. Give another port with --panel."
            ) from error
