"""Devices that speak their vendor's MQTT, at the demo's broker itself and by an interpreter in a process of its own."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from devices.broker.interpreter.iot_hub import TWIN
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.mqtt import packets
from tests.devices.broker.embedded.conftest import SECRET
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.gateway import ACCEPTED, REFUSED, Gateway, gateway
from tests.mqtt.processes import eventually, python, running
from tests.parts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.credentials.operations import Issued
    from devices.models import Device
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
OWN = "devices/ws1:dev-0001/messages"
COMMAND = b'{"name": "restart"}'


@pytest.fixture(scope="module")
def interpreter(port: int) -> Iterator[int]:
    own = free_port()
    command = "manage.py", "broker_interpreter", "--port", str(own)
    with running(python(*command, port=own, MQTT_URL=f"mqtt://site:{SECRET}@127.0.0.1:{port}")):
        yield own


@pytest.fixture(params=["broker", "interpreter"])
def at(request: pytest.FixtureRequest, port: int) -> int:
    return port if request.param == "broker" else int(request.getfixturevalue("interpreter"))


def come(at: int, device: Device, issued: Issued | None = None, **options: Any) -> Gateway:
    issued = issued or credentials.issue_credential(device=device, by=None)
    user = "mqtt.example/ws1:dev-0001/?api-version=2018-06-30"
    secret = f"{device.device_id}.{issued.access_key}.{issued.access_secret}"
    return Gateway(at, "ws1:dev-0001", user, secret, **options)


def test_a_device_of_that_kind_comes_reports_and_hears(world: World, at: int, site: Gateway) -> None:
    device = come(at, world.placed, clean=False)
    assert device.connect() == ACCEPTED
    for topic in ("$iothub/twin/res/#", f"{OWN}/devicebound/#"):
        assert device.subscribe(topic) == "Granted QoS 1"
    assert device.publish("$iothub/twin/GET/?$rid=1", "")
    assert device.publish(f"{OWN}/events/stream=a", '{"rpm": 7}')
    eventually(lambda: site.received and device.received)
    assert site.received == [(states(world.placed), b'{"data":{"rpm": 7}}', False)]
    assert device.received == [("$iothub/twin/res/200/?$rid=1", TWIN, False)]
    device.leave()
    assert site.publish(commands(world.placed), COMMAND)  # and what it missed waits for it
    again = come(at, world.placed, clean=False)
    assert again.connect() == ACCEPTED
    eventually(lambda: again.received)
    assert again.received == [(f"{OWN}/devicebound/", COMMAND, False)]
    again.leave()


def test_its_client_id_is_its_devices_own(world: World, at: int, site: Gateway) -> None:
    """So a later connection takes its place, and a credential that ended ends it."""
    device = come(at, world.placed)
    assert device.connect() == ACCEPTED
    issued = credentials.issue_credential(device=world.placed, by=None)
    other = gateway(at, world.placed, issued)
    assert other.connect() == ACCEPTED  # speaking as all others do, at the same port
    assert device.lost.wait(5)
    other.leave()
    device = come(at, world.placed)
    assert device.connect() == ACCEPTED
    credentials.revoke_all_credentials([world.placed], by=None)
    assert device.lost.wait(5)


def test_a_wrong_credential_is_refused(world: World, at: int) -> None:
    foreign = credentials.issue_credential(device=world.foreign, by=None)
    assert come(at, world.placed, foreign).connect() == REFUSED
    assert Gateway(at, "ws1:dev-0001", "h/ws1:dev-0001/?api-version=1", "nonsense").connect() == REFUSED


def test_who_is_shut_out_for_a_time_is_held_and_hung_up_on(world: World, interpreter: int) -> None:
    """At a refusal it would ask for a new credential, every five seconds."""
    limited.record_limits({world.placed.device_id: (60.0, 1)}, record_dropped=lambda: None)
    device = come(interpreter, world.placed)
    began = time.monotonic()
    device.knock()
    assert device.told() == ""
    assert time.monotonic() - began > 3


def test_a_flood_of_questions_is_slowed_down(world: World, at: int) -> None:
    """The broker never hears of them."""
    device = come(at, world.placed)
    assert device.connect() == ACCEPTED
    asked = [device.client.publish("$iothub/twin/GET/?$rid=1", "", qos=1) for _ in range(400)]
    time.sleep(1.5)
    assert 250 < sum(each.is_published() for each in asked) < 390
    device.leave()


def test_no_packet_of_a_stranger_costs_more_than_its_connection(at: int) -> None:
    for sent in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\x7f",
        b"\x10\x00",
        packets.Packet(0x10, b"x" * 4000).encode(),
    ):
        with socket.create_connection(("127.0.0.1", at), timeout=20) as stranger:
            stranger.sendall(sent)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(100) in (b"", b"\x20\x02\x00\x01")
