"""The panel's HTTP server: its threads ask the event loop and never touch a gateway themselves."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from concurrent.futures import CancelledError
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from firmware_sim import label
from firmware_sim.gateway import Gateway, PressRefused
from firmware_sim.identity import BadInput, normalise_serial
from firmware_sim.modbus import ModbusUnavailable

from . import pages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

log = logging.getLogger(__name__)
T = TypeVar("T")

FILES = Path(__file__).parent
STATIC = {
    "panel.css": "text/css; charset=utf-8",
    "panel.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LONGEST_WAIT = 8.0
JSON = "application/json"
HTML = "text/html; charset=utf-8"


class Panel:
    """Serve while its `with` block runs. Raises BadInput if the port is not to be had."""

    def __init__(
        self,
        gateways: Sequence[Gateway],
        loop: asyncio.AbstractEventLoop,
        address: tuple[str, int],
        *,
        label_url: str = "",
        label: str = "",
    ) -> None:
        self.gateways = {gateway.serial: gateway for gateway in gateways}
        self.label_url = label_url
        self._label = label
        self._loop = loop
        host, port = address
        try:
            self._server = Server(address, self)
        except OSError as error:
            raise BadInput(
                f"Cannot open the panel on {host}:{port}: {error.strerror}. Give another port with --panel."
            ) from error
        self.loopback_only = host in LOOPBACK
        self.url = f"http://{host}:{self._server.server_address[1]}/"

    def __enter__(self) -> Panel:
        threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def label(self, gateway: Gateway) -> str:
        return self._label or self.label_url + gateway.serial

    def run_on_loop(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run on the gateways' event loop and wait for the answer."""

        async def answer() -> T:
            return await call()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(LONGEST_WAIT)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], panel: Panel) -> None:
        self.panel = panel
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log without a traceback: a browser that goes away is not worth one."""
        log.debug("panel: request failed", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "gateway-panel"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query).get("q", [""])[0][:64]
        match self._split_path(url.path):
            case ["healthz"]:
                self._send(b"ok\n", "text/plain; charset=utf-8")
            case _ if not self._is_host_allowed():
                self._fail(HTTPStatus.FORBIDDEN, "Open the panel by 127.0.0.1 or localhost.")
            case [] if len(self.panel.gateways) == 1:
                self._send_page(next(iter(self.panel.gateways.values())))
            case []:
                self._send(pages.render_list(self.panel.gateways.values(), query).encode(), HTML)
            case ["state.json"]:
                self._send_states(query)
            case ["static", name] if name in STATIC:
                self._send((FILES / name).read_bytes(), STATIC[name])
            case ["gateways", serial, *rest] if gateway := self._find_gateway(serial):
                self._get_gateway(gateway, rest)
            case _:
                self._fail(HTTPStatus.NOT_FOUND, "There is no such page. Go back to /.")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > 4096:
            self.close_connection = True
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Nothing needs to be sent here.")
            return
        sent = parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        if not self._is_host_allowed() or not self._is_same_origin():
            self._fail(HTTPStatus.FORBIDDEN, "Press the button on the panel's own page.")
            return
        match self._split_path(urlsplit(self.path).path):
            case ["gateways", serial, action] if gateway := self._find_gateway(serial):
                self._act(gateway, action, sent.get("digits", [""])[0])
            case _:
                self._fail(HTTPStatus.NOT_FOUND, "There is no such gateway.")

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("panel: " + format, *args)

    @property
    def panel(self) -> Panel:
        return self.server.panel

    def _split_path(self, path: str) -> list[str]:
        return [unquote(part) for part in path.split("/") if part]

    def _find_gateway(self, serial: str) -> Gateway | None:
        return self.panel.gateways.get(normalise_serial(serial))

    def _is_host_allowed(self) -> bool:
        """Return whether the name may be asked for; on loopback another one means somebody else's rebound DNS name."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return host in LOOPBACK or not self.panel.loopback_only

    def _is_same_origin(self) -> bool:
        """Return whether no other site asks. Programs that are no browser send neither header."""
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _get_gateway(self, gateway: Gateway, rest: list[str]) -> None:
        content = self.panel.label(gateway)
        match rest:
            case []:
                self._send_page(gateway)
            case ["state.json"]:
                self._send_json(self._read_state(gateway))
            case ["label.png"]:
                self._send_file(label.draw_png(content), "image/png", f"{gateway.serial}.png")
            case ["label.svg"]:
                self._send(label.draw_svg(content).encode(), "image/svg+xml")
            case _:
                self._fail(HTTPStatus.NOT_FOUND, "There is no such page. Go back to /.")

    def _send_page(self, gateway: Gateway) -> None:
        page = pages.render_gateway(
            gateway,
            self._read_state(gateway),
            qr=label.draw_svg(self.panel.label(gateway)),
            alone=len(self.panel.gateways) == 1,
        )
        self._send(page.encode(), HTML)

    def _read_state(self, gateway: Gateway) -> dict[str, Any]:
        async def read() -> dict[str, Any]:
            try:
                await gateway.read_fresh()
            except ModbusUnavailable:
                log.debug("panel: %s's generator does not answer", gateway.serial)
            return pages.describe_state(gateway)

        return self.panel.run_on_loop(read)

    def _send_states(self, query: str) -> None:
        matches, total = pages.find_gateways(self.panel.gateways.values(), query)
        self._send_json(
            {
                "total": total,
                "online": sum(gateway.online for gateway in self.panel.gateways.values()),
                "gateways": [pages.describe_row(gateway) for gateway in matches],
            }
        )

    def _act(self, gateway: Gateway, action: str, digits: str) -> None:
        match action:
            case "press":
                self._press(gateway, gateway.press)
            case "enter" if gateway.has_keys:
                self._press(gateway, partial(gateway.enter, digits))
            case "unplug" | "plug-in":
                self._plug(gateway, inserted=action == "plug-in")
            case _:
                self._fail(
                    HTTPStatus.NOT_FOUND, "A gateway has press, unplug and plug-in, and enter where it has a secret."
                )

    def _press(self, gateway: Gateway, press: Callable[[], Awaitable[None]]) -> None:
        try:
            self.panel.run_on_loop(press)
        except PressRefused as refusal:
            answer = {"pressed": False, "reason": str(refusal)}
            self._answer(gateway, answer, HTTPStatus.CONFLICT)
        except (TimeoutError, CancelledError):
            answer = {"pressed": False, "reason": "the simulator is stopping."}
            self._answer(gateway, answer, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._answer(gateway, {"pressed": True})

    def _plug(self, gateway: Gateway, *, inserted: bool) -> None:
        async def plug() -> None:
            if inserted:
                gateway.plug_in()
            else:
                gateway.unplug()

        self.panel.run_on_loop(plug)
        self._answer(gateway, {"pluggedIn": inserted})

    def _answer(self, gateway: Gateway, answer: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer programs and our script with JSON, a plain form with a redirect."""
        if "text/html" not in self.headers.get("Accept", ""):
            self._send_json(answer, status)
            return
        self._send(b"", HTML, HTTPStatus.SEE_OTHER, {"Location": f"/gateways/{gateway.serial}"})

    def _send_json(self, content: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode(), JSON, status)

    def _send_file(self, content: bytes, kind: str, name: str) -> None:
        extra = {"Content-Disposition": f'attachment; filename="{name}"'}
        self._send(content, kind, extra=extra)

    def _fail(self, status: HTTPStatus, text: str) -> None:
        if "text/html" in self.headers.get("Accept", ""):
            self._send(pages.render_failure(status.phrase, text).encode(), HTML, status)
        else:
            self._send_json({"error": text}, status)

    def _send(
        self,
        content: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        extra: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        headers = {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in (headers | (extra or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
