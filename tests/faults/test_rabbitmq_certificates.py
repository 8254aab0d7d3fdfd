"""Devices that connect by a TLS client certificate through HAProxy to RabbitMQ, by the very files that compose mounts.
HAProxy hands a certificate on from 2.9 on: name such a one in `HAPROXY` where the machine's own is older, or this is
left out."""

from __future__ import annotations

import os
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from config.certificates import AUTHORITY, renew_certificate
from devices.broker.closing import Closer
from devices.credentials import operations as credentials
from tests import builders, certificates, parts
from tests.devices.broker.embedded.test_certificates import count_reasons
from tests.devices.broker.embedded.topics import commands, states
from tests.faults.rabbitmq import consuming
from tests.mqtt import fleet as fleets
from tests.mqtt.gateway import ACCEPTED, Gateway
from tests.mqtt.processes import eventually
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

    from devices.models import Device
    from devices.mqtt.messages import Message
    from tests.certificates import Made
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.postgres,
]
REFUSED = "Not authorized"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, folder: Path) -> Iterator[Fleet]:
    haproxy = os.environ.get("HAPROXY") or parts.needs("haproxy")
    with fleets.fleet(folder, haproxy=haproxy, certificate=renew_certificate(folder, ["127.0.0.1"])) as it:
        yield it


@pytest.fixture
def stored(fleet: Fleet, settings: Settings) -> Iterator[list[Message]]:
    settings.MQTT_URL, settings.BROKER_AMQP_URL = fleet.site_url, f"amqp://127.0.0.1:{fleet.amqp}"
    messages: list[Message] = []
    with consuming(fleet, messages):
        yield messages


@pytest.fixture
def device(world: World) -> Device:
    version = builders.make_recipe(world.kanarra, "Meter")
    make_door(version, settings={"authentication": "certificate", "authorities": ""}, networks=["127.0.0.0/8"])
    return builders.make_device(version)


def come(fleet: Fleet, folder: Path, made: Made | Path, client_id: str) -> Gateway:
    client = Gateway(fleet.tls, client_id, "", "")
    client.client = paho = Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
    paho.on_connect, paho.on_disconnect = client._connected, lambda *_: client.lost.set()
    paho.on_subscribe = lambda _, __, ___, codes, *____: client.granted.extend(map(str, codes))
    context = ssl.create_default_context(cafile=folder / AUTHORITY)
    context.load_cert_chain(made.write(folder) if isinstance(made, certificates.Made) else made)
    paho.tls_set_context(context)
    return client


def test_a_certificate_is_enough_until_it_is_revoked(
    fleet: Fleet, folder: Path, device: Device, stored: list[Message]
) -> None:
    made = certificates.make(device.serial)
    client = come(fleet, folder, made, device.device_id)
    assert client.connect() == ACCEPTED
    assert client.subscribe(commands(device)) == "Granted QoS 1"
    assert client.publish(states(device))
    eventually(lambda: stored)
    assert stored[0].device_id == device.device_id
    closer = Closer(timezone.now)
    closer.start()
    try:
        credentials.revoke_all_credentials([device], by=None)
        assert client.lost.wait(5)
    finally:
        closer.stop()
    assert client.connect() == REFUSED
    eventually(lambda: count_reasons(device) == {"connect-revoked-credential"})
    stolen = come(fleet, folder, certificates.write_without_its_key(made, folder), device.device_id)
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        assert stolen.connect() == ACCEPTED


REFUSALS: dict[str, dict[str, Any]] = {
    "certificate-expired": {"since": timedelta(days=-9), "until": timedelta(days=-3)},
    "certificate-not-yet-valid": {"since": timedelta(days=3), "until": timedelta(days=9)},
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_out_of_its_time_it_is_refused_and_told_at_the_device(
    fleet: Fleet, folder: Path, device: Device, stored: list[Message], reason: str
) -> None:
    made = certificates.make(device.serial, **REFUSALS[reason])
    assert come(fleet, folder, made, device.device_id).connect() == REFUSED
    eventually(lambda: count_reasons(device) == {reason})


def test_without_one_all_is_as_before(world: World, fleet: Fleet, folder: Path, stored: list[Message]) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    client = Gateway(fleet.tls, world.placed.device_id, issued.access_key, issued.access_secret)
    client.client.tls_set_context(ssl.create_default_context(cafile=folder / AUTHORITY))
    assert client.connect() == ACCEPTED
    assert client.publish(states(world.placed))
    client.leave()
