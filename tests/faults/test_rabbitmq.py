"""A production broker for real: it asks the site who may, and the consumer receives what it lets through."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from paho.mqtt.enums import MQTTProtocolVersion

from devices.broker.closing import Closer
from devices.broker.comings import ConnectionEvents
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import ConnectedStretch, Credential, RefusedAttempt
from tests.builders import make_device, make_recipe
from tests.faults.rabbitmq import asking
from tests.mqtt.backlog import nothing_is_known_of_a_backlog
from tests.mqtt.gateway import ACCEPTED, PATIENCE, Gateway, gateway
from tests.mqtt.processes import eventually
from tests.mqtt.rabbitmq import GIVEN
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from devices.models import Device
    from devices.mqtt.messages import Message
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow, pytest.mark.postgres]


def test_a_device_that_speaks_its_vendors_mqtt(world: World, fleet: Fleet, port: int, stored: list[Message]) -> None:
    """At the same port: the front knows it by its user name, and lets it to the interpreter."""
    issued = credentials.issue_credential(device=world.placed, by=None)
    user, own = "mqtt.example/ws1:dev-0001/?api-version=2018-06-30", "devices/ws1:dev-0001/messages"
    secret = f"{world.placed.device_id}.{issued.access_key}.{issued.access_secret}"
    device = Gateway(port, "ws1:dev-0001", user, secret, clean=False)
    assert device.connect() == ACCEPTED
    assert device.subscribe(f"{own}/devicebound/#") == "Granted QoS 1"
    assert device.publish("$iothub/twin/GET/?$rid=1", "")
    assert device.publish(f"{own}/events/stream=a", '{"rpm": 7}')
    eventually(lambda: stored and device.received)
    assert (stored[0].device_id, stored[0].payload) == (world.placed.device_id, b'{"data":{"rpm": 7}}')
    assert device.received[0][0] == "$iothub/twin/res/200/?$rid=1"
    other = gateway(port, world.placed, issued)
    assert other.connect() == ACCEPTED  # it is the same device to the broker
    assert device.lost.wait(5)
    other.leave()
    assert Gateway(port, "ws1:dev-0001", user, f"{secret}x").connect() == "Not authorized"


def test_a_device_of_exosites_dialect(world: World, fleet: Fleet, port: int, stored: list[Message]) -> None:
    """The front knows it by its CONNECT, which names nobody, and tells the interpreter where it comes from."""
    version = make_recipe(world.kanarra, "Meter", identity={"kind": "base10", "length": 8})
    make_door(version, networks=["127.0.0.0/8"])
    device = make_device(version, serial="00000001")
    stranger = Gateway(port, "", "", "")
    stranger.client.username_pw_set("")
    assert stranger.connect() == ACCEPTED
    assert stranger.publish("$provision/00000001", "")
    eventually(lambda: stranger.received)
    [(topic, token, _)] = stranger.received
    assert topic == "$provision/00000001"
    stranger.leave()
    own = Gateway(port, "", "", token.decode())
    assert own.connect() == ACCEPTED
    assert own.publish("$resource/rpm", "1800.5")
    eventually(lambda: stored)
    assert (stored[0].device_id, stored[0].payload) == (device.device_id, b'{"data": {"rpm": 1800.5}}')
    own.leave()
    assert Gateway(port, "", "", "0" * 40).connect() == "Not authorized"
    thingsboards = Gateway(port, "", "", "")
    thingsboards.client.username_pw_set(token.decode())  # the same token, in another vendor's words
    assert thingsboards.connect() == ACCEPTED
    assert thingsboards.publish("v1/devices/me/telemetry", '{"rpm": 7}')
    eventually(lambda: len(stored) == 2)
    assert stored[1].payload == b'{"data": {"rpm": 7}}'
    thingsboards.leave()
    newcomer = Gateway(port, "", "", "")
    newcomer.client.username_pw_set("provision")
    assert newcomer.connect() == ACCEPTED
    assert newcomer.subscribe("/provision/response") == "Granted QoS 0"
    newcomer.leave()


@pytest.mark.skipif(bool(GIVEN), reason="version 4 speaks MQTT 5")
def test_another_version_of_the_protocol_is_hung_up_on(world: World, port: int, stored: list[Message]) -> None:
    """By 3.10, without a word; the former 3.1 it speaks."""
    own = world.placed.device_id.encode()
    later = b"\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x18" + own
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as device:
        device.sendall(bytes([0x10, len(later)]) + later)
        assert device.recv(100) == b""
    issued = credentials.issue_credential(device=world.placed, by=None)
    former = gateway(port, world.placed, issued)
    former.client._protocol = MQTTProtocolVersion.MQTTv31
    assert former.connect() == ACCEPTED
    former.leave()


def test_a_device_on_rabbitmq(world: World, fleet: Fleet, port: int, stored: list[Message]) -> None:
    issued, foreign = (credentials.issue_credential(device=device, by=None) for device in (world.placed, world.foreign))
    own, other = world.placed.device_id, world.foreign.device_id

    def join(device: Device = world.placed, issued: credentials.Issued = issued) -> Gateway:
        client = gateway(port, device, issued)
        assert client.connect() == ACCEPTED
        return client

    device, victim = join(), join(world.foreign, foreign)
    assert device.publish(f"devices/{own}/state", "1")
    assert device.publish(f"losant/{own}/state", "2")
    eventually(lambda: [(message.device_id, message.payload) for message in stored] == [(own, b"1"), (own, b"2")])

    assert device.subscribe(f"devices/{own}/command") == "Granted QoS 1"
    site = Gateway(fleet.broker.port, "publisher", "site", "site-secret")
    assert site.connect() == ACCEPTED
    assert site.publish(f"devices/{own}/command", "restart")
    eventually(lambda: device.received == [(f"devices/{own}/command", b"restart", False)])

    for topic in (
        f"devices/{other}/state",
        f"devices/{own}/command",
        f"devices/{own}/state/x",
        "$SYS/x",
        "handover/fence",
    ):
        attacker = join()
        assert not attacker.publish(topic, "attack"), topic
        attacker.leave()
    for topic in (
        "#",
        "devices/+/command",
        f"devices/{other}/command",
        "devices/+/state",
        "handover/fence",
        f"$share/g/devices/{other}/command",
    ):
        attacker = join()
        assert attacker.subscribe(topic) in ("", "Unspecified error"), topic
        attacker.leave()
    for client_id, username, password in (
        (other, issued.access_key, issued.access_secret),
        ("handover-consumer", issued.access_key, issued.access_secret),
        (own, issued.access_key, "wrong"),
        (own, "site", "wrong"),
    ):
        stranger = Gateway(port, client_id, username, password)
        assert stranger.connect() != ACCEPTED
        stranger.leave()
    will = gateway(port, world.placed, issued)
    will.client.will_set(f"devices/{other}/state", b"attack", 1)
    will.connect()
    will.vanish()
    keeper = join()
    keeper.publish(f"devices/{own}/state", "kept?", retain=True)
    keeper.leave()
    told = RefusedAttempt.objects.filter(device=world.placed, reason="topic-of-another")
    eventually(lambda: [row.count >= 5 for row in told] == [True])  # by a gate, of each that was hung up on

    assert victim.publish(f"devices/{other}/state", "fine")
    eventually(lambda: stored[-1].payload == b"fine")
    assert not victim.lost.is_set()
    assert [message.payload for message in stored if message.payload != b"kept?"] == [b"1", b"2", b"fine"]

    nothing_is_known_of_a_backlog(victim, f"devices/{other}/state", "another-consumer", count=200, early=True)
    with asking(fleet) as connection:  # else it goes on wanting what devices report
        connection.channel().queue_delete("mqtt-subscription-another-consumerqos1")

    device, third = join(), world.waiting.device_id
    former = credentials.issue_credential(device=world.waiting, by=None)
    assert join(world.waiting, former).publish(f"devices/{third}/state", "before")
    new = credentials.rotate_credentials(device=world.waiting, by=world.owner)
    rotated = join(world.waiting, new)
    eventually(lambda: stored[-1].payload == b"before")

    credentials.revoke_credential(credential=Credential.objects.get(access_key=foreign.access_key), by=world.owner)
    locks.lock_devices([world.placed], by=world.owner)
    time.sleep(5)  # the time that the broker and the gate may believe the last answer
    assert not victim.publish(f"devices/{other}/state", "revoked")
    assert not device.publish(f"devices/{own}/state", "locked")
    for of, ended in ((world.foreign, foreign), (world.placed, issued), (world.waiting, former)):
        assert gateway(port, of, ended).connect() != ACCEPTED
    assert rotated.publish(f"devices/{third}/state", "after")
    eventually(lambda: stored[-1].payload == b"after")
    assert not {b"revoked", b"locked"} & {message.payload for message in stored}


def test_the_broker_tells_who_came_and_who_left(world: World, port: int, stored: list[Message]) -> None:
    """By its event exchange: when, and of what the site ended why; of the rest it says no reason."""

    def told(device: Device) -> list[str]:
        rows = ConnectedStretch.objects.filter(device=device).order_by("number")
        return [row.reason if row.ended_at else "open" for row in rows]

    events = ConnectionEvents()
    closer = Closer(timezone.now)
    events.start()
    try:
        device, other = joined(port, world.placed), joined(port, world.foreign)
        eventually(lambda: told(world.placed) == told(world.foreign) == ["open"], 20)
        assert ConnectedStretch.objects.filter(by_broker=True).exclude(connection="").count() == 2
        device.leave()
        eventually(lambda: told(world.placed) == ["untold"], 20)
        closer.start()
        locks.lock_devices([world.foreign], by=None)
        eventually(lambda: told(world.foreign) == ["locked"], 20)
        other.leave()
    finally:
        events.stop()
        closer.stop()


def joined(port: int, device: Device) -> Gateway:
    client = gateway(port, device, credentials.issue_credential(device=device, by=None))
    assert client.connect() == ACCEPTED
    return client
