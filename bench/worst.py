"""The ways to be a bad neighbour, each a sender in a process of its own: see bench.neighbours."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import ExitStack, suppress
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from bench.press import connect, publish
from tests.stack import Factory

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

    Counter = Synchronized[int]

SMALL = "admin@kanarra.example"
ITS_ADDRESS = "127.0.0.2"  # the sender's: neighbours share no address
IMPORTS, LARGE = 6, 100_000


class Target(NamedTuple):
    """Where a sender sends to, as whom, and what it needs to know."""

    port: int
    mqtt_port: int
    cookie: str
    csrf: str
    recipe: str
    stream: str
    device: tuple[str, str, str, str]


def bodies(target: Target, count: Counter, stopped: Event) -> None:
    """Anonymous bodies of 257 MB, forty at once, as fast as they are taken."""
    size, chunk = 257 << 20, b"x" * (1 << 16)

    def one() -> None:
        while not stopped.is_set():
            with suppress(OSError), _connected(target.port) as client:
                client.sendall(f"POST /accounts/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
                for _ in range(size // len(chunk)):
                    if stopped.is_set():
                        break
                    client.sendall(chunk)
                    count.value += len(chunk)

    _at_once(40, one)


def silent(target: Target, count: Counter, stopped: Event) -> None:
    """As many connections that say nothing as there may be, each replaced when it is closed."""
    with ExitStack() as held:
        while not stopped.is_set():
            with suppress(OSError):
                held.enter_context(_connected(target.port))
                count.value += 1
            if count.value % 2000 == 0:
                held.pop_all().close()


def newlines(target: Target, count: Counter, stopped: Event) -> None:
    """Files of four megabytes of newlines, four at once."""
    _at_once(4, lambda: _uploading(target, count, stopped, "/imports/new/", "file", b"Serial\n" + b"\n" * (4 << 20)))


def pictures(target: Target, count: Counter, stopped: Event) -> None:
    """A logo of 12,000 x 12,000 in 20 KB, four at once."""
    out = BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, format="PNG")
    _at_once(4, lambda: _uploading(target, count, stopped, "/settings/save/", "logo", out.getvalue()))


def imports(target: Target, count: Counter, stopped: Event) -> None:
    """Six imports of 100,000 devices each."""
    fields = f"csrfmiddlewaretoken={target.csrf}&recipe={target.recipe}&total={LARGE}&group=&name_pattern="
    for _ in range(IMPORTS):
        _ask(target, "POST", "/devices/new/many/", fields.encode(), "application/x-www-form-urlencoded")
        count.value += 1
    stopped.wait()


def api(target: Target, count: Counter, stopped: Event) -> None:
    """One person's browser asks the API on and on, eight times at once."""

    def one() -> None:
        while not stopped.is_set():
            _ask(target, "GET", "/api/v1/devices/")
            count.value += 1

    _at_once(8, one)


def guesses(target: Target, count: Counter, stopped: Event) -> None:
    """A stranger guesses passwords, eight at once."""
    stranger = target._replace(cookie=f"csrftoken={target.csrf}")
    fields = f"csrfmiddlewaretoken={target.csrf}&login={SMALL}&password=wrong".encode()

    def one() -> None:
        while not stopped.is_set():
            _ask(stranger, "POST", "/accounts/login/", fields, "application/x-www-form-urlencoded")
            count.value += 1

    _at_once(8, one)


def streams(target: Target, count: Counter, stopped: Event) -> None:
    """Streams of one session, opened without end and kept."""
    with ExitStack() as held:
        while not stopped.is_set():
            with suppress(OSError):
                client = held.enter_context(_connected(target.port))
                head = f"GET {target.stream} HTTP/1.1\r\nHost: x\r\nCookie: {target.cookie}\r\n\r\n"
                client.sendall(head.encode())
                count.value += 1
            if count.value % 1500 == 0:
                held.pop_all().close()


def downloads(target: Target, count: Counter, stopped: Event) -> None:
    """Sixty exports at once that nobody reads, asked for anew every second."""
    while not stopped.is_set():
        with ExitStack() as held:
            for _ in range(60):
                with suppress(OSError):
                    client = held.enter_context(_connected(target.port))
                    head = f"GET /journal/export.csv HTTP/1.1\r\nHost: x\r\nCookie: {target.cookie}\r\n\r\n"
                    client.sendall(head.encode())
                    count.value += 1
            stopped.wait(1.0)


def flood(target: Target, count: Counter, stopped: Event) -> None:
    """One device reports as fast as it can."""
    device = Factory(*target.device)
    client = connect(target.mqtt_port, device)
    while not stopped.is_set():
        publish(client, device, {"rpm": count.value % 1000})
        count.value += 1
        if count.value % 50 == 0:
            time.sleep(0.005)
    client.loop_stop()


def connects(target: Target, count: Counter, stopped: Event) -> None:
    """Strangers who connect to the broker with wrong passwords, forty at once."""
    fields = b"".join(len(part).to_bytes(2, "big") + part for part in (b"f" * 24, b"nobody", b"guess"))
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields
    hello = bytes([0x10, len(body)]) + body

    def one() -> None:
        while not stopped.is_set():
            with suppress(OSError), _connected(target.mqtt_port) as client:
                client.sendall(hello)
                client.recv(4)
                count.value += 1

    _at_once(40, one)


BY_PAGES = (bodies, silent, newlines, pictures, imports, api, guesses, streams, downloads)
WAYS = {way.__name__: way for way in (*BY_PAGES, flood, connects)}
NO_SINK = ("imports", "flood", "connects")  # what they cost is done by the site's other processes


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(ITS_ADDRESS, 0))


def _at_once(number: int, do: Callable[[], None]) -> None:
    threads = [threading.Thread(target=do) for _ in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def _uploading(target: Target, count: Counter, stopped: Event, path: str, name: str, content: bytes) -> None:
    fields = {"csrfmiddlewaretoken": target.csrf, "recipe": target.recipe, "name": "Northlight Pumps"}
    fields |= {"window_seconds": "300", "label_content": "serial", "activation_hours": "48", "result_hours": "24"}
    fields |= {"colour": "#0b6e74", "time_zone": "UTC", "clock": "24", "presence": "press"}
    fields |= {"label_symbology": "qr-code"}
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    )
    body += f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode() + content
    while not stopped.is_set():
        _ask(target, "POST", path, body + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")
        count.value += 1


def _ask(target: Target, method: str, path: str, body: bytes = b"", kind: str = "") -> None:
    client = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60, source_address=(ITS_ADDRESS, 0))
    with suppress(OSError, http.client.HTTPException):
        client.request(method, path, body, {"Cookie": target.cookie, **({"Content-Type": kind} if kind else {})})
        client.getresponse().read()
    client.close()
