"""The demo's broker in a process of its own, with devices and the site's account as its clients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from devices.credentials import operations as credentials
from devices.models import Device
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import World

    Join = Callable[..., Gateway]


SECRET = "site-secret"
CONSUMER = "handover-consumer"


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    port = free_port()
    env = {"MQTT_URL": f"mqtt://site:{SECRET}@127.0.0.1:{port}"}
    with running(python("manage.py", "broker", "--port", str(port), port=port, **env)):
        yield port


@pytest.fixture
def join(port: int, world: World) -> Iterator[Join]:
    """Connects a device with a credential of its own."""
    joined: list[Gateway] = []

    def connect(device: Device, **options: bool) -> Gateway:
        issued = credentials.issue_credential(device=device, by=None)
        client = gateway(port, device, issued, **options)
        joined.append(client)
        assert client.connect() == ACCEPTED
        return client

    yield connect
    for client in joined:
        client.leave()


@pytest.fixture
def site(port: int) -> Iterator[Gateway]:
    """The site's own account, with the consumer's subscriptions."""
    client = Gateway(port, CONSUMER, "site", SECRET, clean=False)
    assert client.connect() == ACCEPTED
    assert client.subscribe("devices/+/state") == client.subscribe("losant/+/state") == "Granted QoS 1"
    eventually(lambda: _drained(client))
    client.received.clear()
    yield client
    client.leave()


def _drained(client: Gateway) -> bool:
    before = len(client.received)
    time.sleep(0.1)
    return len(client.received) == before
