"""The front between devices, broker and gates, by the very file that the containers run: questions outlive restarts."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from config.certificates import AUTHORITY, renew_certificate
from tests import parts
from tests.mqtt.fleet import CONFIGURATION
from tests.mqtt.processes import Process, eventually, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.faults, pytest.mark.slow]

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d"
ACCEPTED, REFUSED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x04"
NOTICED = 1.5  # seconds in which the front sees that a gate went


class Gate:
    """It answers every question as it `answers`, and is ready as long as it is `ready`."""

    def __init__(self) -> None:
        self.port, self.ready, self.answers = parts.free_port(), True, 200
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        gate = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response((200 if gate.ready else 503) if self.path == "/ready" else gate.answers)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Answers)
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Front:
    """Between two gates, and a broker that `says` the same to whoever reaches it."""

    def __init__(self) -> None:
        self.port, self.questions = parts.free_port(), parts.free_port()
        self.interpreted, self.interpreter = parts.free_port(), parts.free_port()
        self.gates = [Gate(), Gate()]
        self.reached: list[bytes] = []
        self.says = ACCEPTED
        self.tls = parts.free_port()

    def ask(self, _: object = None) -> int:
        try:
            with urlopen(f"http://127.0.0.1:{self.questions}/broker/rabbitmq/user", timeout=20) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except URLError:  # it has yet to listen there
            return 0

    def connect(self, seconds: float, context: ssl.SSLContext | None = None) -> bytes:
        """What a client is told: b"" if it is hung up on."""
        port = self.tls if context else self.port
        with socket.create_connection(("127.0.0.1", port), timeout=seconds) as plain:
            client = context.wrap_socket(plain, server_hostname="devices.example") if context else plain
            client.sendall(CONNECT)
            return client.recv(4)

    def let_in(self, broker: socket.socket) -> None:
        while True:
            try:
                client, _ = broker.accept()
            except OSError:
                return
            with client:
                self.reached.append(client.recv(100))
                client.sendall(self.says)


@contextmanager
def all_started(front: Front, certificate: Path | None = None) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        threading.Thread(target=front.let_in, args=[broker], daemon=True).start()
        addresses = {"BIND_MQTT": front.port, "BIND_GATES": front.questions, "BROKER": broker.getsockname()[1]}
        addresses |= {"BIND_INTERPRETED": front.interpreted, "INTERPRETER": front.interpreter}
        addresses |= {f"GATE_{number}": gate.port for number, gate in enumerate(front.gates, 1)}
        env = {name: f"127.0.0.1:{port}" for name, port in addresses.items()}
        if certificate:
            env |= {"TLS_CERTIFICATE": str(certificate), "BIND_MQTTS": f"127.0.0.1:{front.tls}"}
        for gate in front.gates:
            gate.start()
        command = [parts.needs("haproxy"), "-f", str(CONFIGURATION)]
        try:
            with running(Process(command, front.port, {**os.environ, **env, "DEVICES": "100"})):
                yield
        finally:
            for gate in front.gates:
                gate.stop()
            broker.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    with all_started(made):
        yield made


def test_tls_ends_there(tmp_path: Path) -> None:
    front, certificate = Front(), renew_certificate(tmp_path, ["devices.example"])
    context = ssl.create_default_context(cafile=tmp_path / AUTHORITY)
    with all_started(front, certificate):
        assert front.connect(10, context) == ACCEPTED
        assert front.reached == [CONNECT]
        with pytest.raises(ssl.SSLCertVerificationError):
            front.connect(10, ssl.create_default_context())


def test_a_question_is_answered_whichever_gates_restart(front: Front) -> None:
    eventually(lambda: front.ask() == 200)
    first, second = front.gates
    first.stop()  # which the front has yet to notice
    assert {front.ask() for _ in range(10)} == {200}
    second.stop()
    with ThreadPoolExecutor(4) as clients:
        told = clients.map(front.ask, range(4))
        time.sleep(NOTICED)
        late = clients.submit(front.ask)  # when no gate is known to be there
        time.sleep(0.5)
        first.start()
        assert ([*told], late.result()) == ([200] * 4, 200)


def test_nobody_reaches_the_broker_while_no_gate_is_ready(front: Front) -> None:
    assert front.connect(10) == ACCEPTED
    for gate in front.gates:
        gate.ready = False
    time.sleep(NOTICED)
    assert {front.ask() for _ in range(4)} == {200}  # by what they remember
    front.reached.clear()
    with ThreadPoolExecutor(1) as clients:
        told = clients.submit(front.connect, 10)
        time.sleep(1)
        assert (told.done(), front.reached) == (False, [])
        front.gates[0].ready = True
        assert told.result() == ACCEPTED  # it has waited


def test_a_refusal_for_want_of_an_answer_is_not_passed_on(front: Front) -> None:
    """RabbitMQ tells a device that its password is wrong also where nobody could tell; devices take that for final."""
    eventually(lambda: front.ask() == 200)
    front.says = REFUSED
    assert front.connect(10) == REFUSED
    for gate in front.gates:
        gate.answers = 503
    assert front.ask() == 503
    assert front.connect(10) == b""
    front.says = ACCEPTED
    assert front.connect(10) == ACCEPTED
