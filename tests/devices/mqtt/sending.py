"""A device that sends numbers, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from devices.mqtt.consumer import Consumer
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from paho.mqtt.client import Client

    from tests.devices.mqtt.conftest import Sink

Start = Callable[..., Consumer]
DEVICE = "a" * 24
TOPIC = f"devices/{DEVICE}/state"


def send(device: Client, *payloads: str, topic: str = TOPIC, qos: int = 1) -> None:
    for payload in payloads:
        device.publish(topic, payload, qos=qos).wait_for_publish(10)


def numbers(start: int, stop: int) -> list[str]:
    return [str(number) for number in range(start, stop)]


def got(sink: Sink, *payloads: str) -> None:
    eventually(lambda: len(sink.payloads) >= len(payloads))
    assert [payload.decode() for payload in sink.payloads] == list(payloads)
