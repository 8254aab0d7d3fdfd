"""Several consumers at the demo's broker: a device's reports are one part's, under both of its names."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from devices.credentials import operations as credentials
from devices.mqtt.consumer import Consumer
from devices.mqtt.parts import PARTS, find_part
from tests.builders import make_device
from tests.devices.broker.embedded.conftest import SECRET
from tests.mqtt.gateway import ACCEPTED, gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

DEVICES = 10


@pytest.fixture
def shared(world: World, settings: Settings) -> Iterator[int]:
    settings.CONSUMERS, settings.BROKER_DIVIDES = 2, "share"
    port = free_port()
    settings.MQTT_URL = f"mqtt://site:{SECRET}@127.0.0.1:{port}"
    env = {"MQTT_URL": settings.MQTT_URL, "CONSUMERS": "2", "BROKER_DIVIDES": "share"}
    with running(python("manage.py", "broker", "--port", str(port), port=port, **env)):
        yield port


def consume(into: list[Message], held: set[int]) -> Consumer:
    consumer = Consumer(into.extend, client_id="handover-consumer", clock=timezone.now, held=held)
    consumer.start()
    eventually(consumer.is_subscribed)
    return consumer


def test_a_device_is_one_parts_and_another_consumer_takes_it_over(world: World, shared: int) -> None:
    devices = [make_device(world.version) for _ in range(DEVICES)]
    clients = [gateway(shared, each, credentials.issue_credential(device=each, by=None)) for each in devices]
    assert [client.connect() for client in clients] == [ACCEPTED] * DEVICES
    first: list[Message] = []
    second: list[Message] = []
    whole = set(range(PARTS))
    even = {part for part in whole if part % 2 == 0}
    one, other = consume(first, even), consume(second, whole - even)

    def report(name: str) -> None:
        for client in clients:
            for root in ("devices", "losant"):
                assert client.publish(f"{root}/{client.client_id}/state", f"{name} {root}")

    report("1")
    eventually(lambda: len(first) + len(second) == 2 * DEVICES)
    came = defaultdict(list)
    for message in (*first, *second):
        came[message.device_id].append((message.payload, message.part))
    assert {key: [payload for payload, _ in all_] for key, all_ in came.items()} == {
        client.client_id: [b"1 devices", b"1 losant"] for client in clients
    }
    for key, all_ in came.items():
        assert {part for _, part in all_} == {find_part(key, PARTS)}
    assert {message.part for message in first} <= even
    assert len({message.part for message in (*first, *second)}) > 1

    one.stop()
    other.hold(whole)
    eventually(other.is_subscribed)
    first.clear()
    second.clear()
    report("2")
    eventually(lambda: len(second) == 2 * DEVICES)
    assert first == []
    assert all(message.part == find_part(message.device_id, PARTS) for message in second)
    other.stop()
    for client in clients:
        client.leave()
