"""A real broker that can be killed, a listener, a scripted broker, and a gateway between them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.gateway import Gateway, Options
from firmware_sim.generator import Generator, Reading
from firmware_sim.identity import Identity
from firmware_sim.link import Broker, Dialer
from tests.parts import free_port

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator

    from firmware_sim.receiver import Receiver

ROOT = Path(__file__).parents[2]
BROKER = """
import asyncio, logging, sys
from amqtt.broker import Broker
logging.disable(logging.CRITICAL)
async def main():
    await Broker({
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""
IDENTITY = Identity("7K3MQ2XW9TBC", "66f0c0ffee66f0c0ffee0001", "key-1", "secret-1")


def until(condition: Callable[[], object], seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


async def soon(condition: Callable[[], object], seconds: float = 8) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class BrokerProcess:
    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", BROKER, str(self.port)])
        until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class Listener:
    """Everything that devices publish, in order of arrival."""

    def __init__(self, port: int) -> None:
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener")
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("devices/+/state", qos=1)
        self.client.on_message = lambda _client, _data, message: self.reports.append(
            (message.topic, json.loads(message.payload))
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        until(self.client.is_connected)

    @property
    def times(self) -> list[int]:
        return [report["time"] for _, report in self.reports]

    @property
    def presses(self) -> list[dict[str, Any]]:
        return [report for _, report in self.reports if report["data"].get("registerButton")]

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    process = BrokerProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def steady_broker() -> Iterator[BrokerProcess]:
    """For tests that do not kill it."""
    process = BrokerProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def listener(broker: BrokerProcess) -> Iterator[Listener]:
    ears = Listener(broker.port)
    yield ears
    ears.stop()


class ScriptedBroker:
    """Just enough MQTT 3.1.1 to misbehave: it refuses, or keeps its acknowledgements to itself."""

    def __init__(self, *, connack: int = 0, acknowledge: bool = True) -> None:
        self.connack = connack
        self.acknowledge = acknowledge
        self.connects: list[bytes] = []
        self.published: list[dict[str, Any]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, tls: ssl.SSLContext | None = None) -> Broker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        return Broker("127.0.0.1", self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        self.cut()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                self._answer(*await self._packet(reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _packet(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, await reader.readexactly(length)

    def _answer(self, first: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        kind = first >> 4
        if kind == 1:
            self.connects.append(body)
            writer.write(bytes((0x20, 2, 0, self.connack)))
            if self.connack:
                writer.close()
        elif kind == 3:
            topic = int.from_bytes(body[:2])
            self.published.append(json.loads(body[topic + 4 :]))
            if self.acknowledge:
                writer.write(bytes((0x40, 2)) + body[topic + 2 : topic + 4])
        elif kind == 8:
            writer.write(bytes((0x90, 3)) + body[:2] + b"\x01")


@asynccontextmanager
async def running(
    broker: Broker | Dialer, *, receiver: Receiver | None = None, **options: Any
) -> AsyncIterator[Gateway]:
    generator = Generator(1)

    async def read() -> Reading:
        return generator.reading()

    dialer = Dialer(broker) if isinstance(broker, Broker) else broker
    every = Options(**{"interval": 5.0, **options})
    gateway = Gateway(IDENTITY, read, dialer, every, generator.obey, receiver)
    task = asyncio.create_task(gateway.run())
    try:
        yield gateway
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(scope="session")
def factory_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("factory") / "result.csv"
    rows = [f"7K3MQ2XW9TB{c},66f0c0ffee66f0c0ffee000{c},key-{c},secret-{c}" for c in "1234"]
    path.write_text("serial,device_id,access_key,access_secret\n" + "\n".join(rows) + "\n")
    return path


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True, scope="session")
def no_stragglers() -> Iterator[None]:
    yield
    for process in STARTED:
        if process.poll() is None:
            process.kill()


def simulate(*arguments: object, **env: str) -> subprocess.Popen[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("MQTT_URL", "PANEL_PORT")}
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware_sim", *map(str, arguments)],
        cwd=ROOT,
        env=kept | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    STARTED.append(process)
    return process
