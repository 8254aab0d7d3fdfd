from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices.mqtt.consumer import Consumer
from devices.mqtt.messages import counts
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.mqtt.processes import Process


@pytest.fixture(autouse=True)
def _counted() -> Iterator[None]:
    counts.clear()
    yield
    counts.clear()


@pytest.fixture(autouse=True)
def _unlimited(settings: Settings) -> None:
    """What is sent here is one device's, as fast as it goes; the tests of limits turn them on."""
    settings.MQTT_LIMITS = False


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Process]:
    with running(mosquitto(tmp_path)) as process:
        yield process


@dataclass
class Sink:
    """Takes batches; `fail` may raise first."""

    batches: list[list[Message]] = field(default_factory=list)
    fail: Callable[[Sequence[Message]], None] = lambda _: None
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self, batch: Sequence[Message]) -> None:
        self.open.wait(10)
        self.fail(batch)
        self.batches.append(list(batch))

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for batch in self.batches for message in batch]


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def start(broker: Process, sink: Sink) -> Iterator[Callable[..., Consumer]]:
    """Starts a consumer, always of the same client id, and waits until it is subscribed."""
    started: list[Consumer] = []

    def begin(held: Sequence[int] = (0,)) -> Consumer:
        url = f"mqtt://127.0.0.1:{broker.port}"
        clock, temporary = timezone.now, (ConnectionError,)
        consumer = Consumer(sink, client_id="consumer", url=url, clock=clock, temporary=temporary, held=held)
        consumer.start()
        started.append(consumer)
        eventually(consumer.is_subscribed)
        return consumer

    yield begin
    sink.open.set()
    for consumer in started:
        consumer.stop(1)


@pytest.fixture
def device(broker: Process) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, "device")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()
