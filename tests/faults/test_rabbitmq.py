"""A production broker for real: it asks the site who may, and the consumer receives what it lets through."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import amqp
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from paho.mqtt.enums import MQTTProtocolVersion

from devices.broker.amqp_thread import has_queue, queue_name
from devices.broker.closing import Closer
from devices.broker.comings import ConnectionEvents
from devices.broker.unrouted import UnroutedReports
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.models import ConnectedStretch, Credential, CredentialUse, Event, RefusedAttempt
from devices.mqtt.client import take_place
from devices.mqtt.consumer import Consumer
from tests.builders import make_device, make_recipe
from tests.mqtt import fleet as fleets
from tests.mqtt.backlog import nothing_is_known_of_a_backlog
from tests.mqtt.fleet import ready
from tests.mqtt.gateway import ACCEPTED, PATIENCE, Gateway, gateway
from tests.mqtt.processes import eventually
from tests.mqtt.rabbitmq import GIVEN
from tests.mqtt.reporters import Busy, Faithful, Restless, heard
from tests.provisioning.doors.test_activate import make_door

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.test import Client as Browser
    from pytest_django import Settings

    from devices.models import Device
    from devices.mqtt.intake import Limited
    from devices.mqtt.messages import Message
    from tests.conftest import World
    from tests.mqtt.fleet import Fleet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.postgres,
]


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all tests, since the node takes ten seconds to start."""
    with fleets.fleet(tmp_path_factory.mktemp("fleet")) as it:
        yield it


@pytest.fixture
def port(fleet: Fleet, settings: Settings) -> int:
    settings.MQTT_URL, settings.BROKER_AMQP_URL = fleet.site_url, f"amqp://127.0.0.1:{fleet.amqp}"
    return fleet.port


@pytest.fixture
def stored(port: int, fleet: Fleet) -> Iterator[list[Message]]:
    messages: list[Message] = []
    with consuming(fleet, messages):
        yield messages


@contextmanager
def consuming(fleet: Fleet, into: list[Message]) -> Iterator[None]:
    consumer = Consumer(into.extend, client_id="handover-consumer", clock=timezone.now, tell=_tell)
    unrouted = UnroutedReports(consumer)
    consumer.start()
    unrouted.start()
    eventually(fleet.is_ready, 60)
    yield
    unrouted.stop()
    consumer.stop()


def _tell(those: Mapping[str, Limited]) -> None:
    """As the consumer's command does, in a thread whose connection the test's database does not wait for."""
    try:
        limited.record_limits({key: each[:2] for key, each in those.items()})
    finally:
        connection.close()


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


def test_a_fleet_lives_through_gates_that_end_and_a_database_that_is_away(
    world: World, fleet: Fleet, port: int, stored: list[Message]
) -> None:
    devices = (world.placed, world.foreign, world.waiting)
    members = [gateway(port, device, credentials.issue_credential(device=device, by=None)) for device in devices]
    assert [member.connect() for member in members] == [ACCEPTED] * 3
    spare, unheard = (make_device(world.placed.version) for _ in range(2))
    late, new = (credentials.issue_credential(device=each, by=None) for each in (spare, unheard))
    those = Faithful(members)
    those.report_for(0.5)

    first, second = fleet.gates
    first.kill()
    those.report_for(4.5)  # longer than the broker remembers an answer
    second.kill()
    asks = gateway(port, spare, late)
    asks.knock()
    first.start()
    second.start()
    assert asks.told(30) in ("", ACCEPTED)
    asks.leave()
    those.report_for(0.5)
    eventually(fleet.is_ready, 60)

    fleet.database.kill()
    eventually(lambda: not fleet.is_ready())
    kept_out = gateway(port, unheard, new)  # of the other one a gate may know by now that it is to be let in
    kept_out.knock()
    those.report_for(5)
    assert kept_out.told() == ""
    fleet.database.start()
    eventually(fleet.is_ready, 60)
    assert gateway(port, unheard, new).connect() == ACCEPTED
    those.report_for(0.5)
    eventually(those.all_acknowledged)
    eventually(lambda: len({message.device_id for message in stored}) == 3)


def test_no_device_is_in_while_the_broker_would_drop_what_it_reports(world: World, fleet: Fleet, port: int) -> None:
    """As with another volume, a session that expired, another client id."""
    with consuming(fleet, []):
        device = gateway(port, world.placed, credentials.issue_credential(device=world.placed, by=None))
        assert device.connect() == ACCEPTED
    with asking(fleet) as connection:
        connection.channel().queue_delete(queue_name())
        before = len(connection.channels)
        assert not any(has_queue(connection) for _ in range(5))
        assert len(connection.channels) == before
    eventually(lambda: ready(fleet.gates[0].port) == "the consumer's queue is missing")
    until = time.monotonic() + 30  # seconds of a busy machine; 4 of the broker

    def is_taken() -> bool:
        with suppress(AssertionError):  # no answer at all: the device keeps what it reports
            return device.publish(f"devices/{world.placed.device_id}/state", "1")
        return False

    while is_taken():
        assert time.monotonic() < until
        time.sleep(0.2)
    eventually(lambda: device.connect() == "")  # the broker may remember for 4 s that it let the device in
    stored: list[Message] = []
    with consuming(fleet, stored):
        assert device.connect() == ACCEPTED
        assert device.publish(f"devices/{world.placed.device_id}/state", "2")
        eventually(lambda: b"2" in [message.payload for message in stored])


@contextmanager
def asking(fleet: Fleet) -> Iterator[amqp.Connection]:
    with amqp.Connection(f"127.0.0.1:{fleet.amqp}", userid="site", password="site-secret") as connection:
        yield connection


def test_nothing_that_was_acknowledged_is_lost_with_the_consumers_queue(
    world: World, fleet: Fleet, port: int, stored: list[Message]
) -> None:
    devices = (world.placed, world.foreign)
    members = [gateway(port, device, credentials.issue_credential(device=device, by=None)) for device in devices]
    assert [member.connect() for member in members] == [ACCEPTED] * 2
    busy = Busy(members)
    busy.report(20)
    with asking(fleet) as connection:
        connection.channel().queue_delete(queue_name())
        busy.report(100)
        eventually(lambda: has_queue(connection))
    eventually(fleet.is_ready, 60)
    busy.report(20)
    eventually(lambda: set(busy.acknowledged) <= {message.payload for message in stored})
    assert len(busy.acknowledged) > 100
    assert not [message for message in stored if message.repeated]


def rotate(world: World, port: int) -> Gateway:
    """A device that has connected with its new credential, for the first time since twelve seconds ago."""
    former = credentials.issue_credential(device=world.waiting, by=None)
    assert gateway(port, world.waiting, former).connect() == ACCEPTED
    eventually(CredentialUse.objects.filter(credential__access_key=former.access_key).exists)
    CredentialUse.objects.filter(credential__access_key=former.access_key).update(last_at=Now() - timedelta(seconds=12))
    new = credentials.rotate_credentials(device=world.waiting, by=world.owner)
    rotated = gateway(port, world.waiting, new)
    assert rotated.connect() == ACCEPTED
    eventually(Credential.objects.exclude(revoked_at=None).filter(access_key=former.access_key).exists)
    return rotated


def test_who_does_not_pause_is_out_as_soon(world: World, fleet: Fleet, port: int, stored: list[Message]) -> None:
    revoked, locked = (credentials.issue_credential(device=of, by=None) for of in (world.placed, world.foreign))
    restless = [Restless(port, world.placed, revoked), Restless(port, world.foreign, locked)]
    assert [each.device.connect() for each in restless] == [ACCEPTED] * 2
    assert restless[1].device.subscribe(f"devices/{world.foreign.device_id}/command") == "Granted QoS 1"
    rotated = rotate(world, port)
    with closing_for(fleet):
        for _ in range(30):  # longer than the broker needs to take it for busy
            assert heard(restless, "before") == [True, True]
        credentials.revoke_credential(credential=Credential.objects.get(access_key=revoked.access_key), by=world.owner)
        locks.lock_devices([world.foreign], by=world.owner)
        began = time.monotonic()
        while any(heard(restless, "after")):
            assert time.monotonic() < began + 10
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert heard(restless, "never") == [False, False]
    assert not rotated.lost.is_set()  # its connection is of the new credential
    assert b"never" not in [message.payload for message in stored]


def test_what_waits_for_a_device_is_not_lost_by_that(world: World, fleet: Fleet, port: int) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    topic = f"devices/{world.placed.device_id}/command"
    with consuming(fleet, []):
        device = gateway(port, world.placed, issued, clean=False)
        assert device.connect() == ACCEPTED
        assert device.subscribe(topic) == "Granted QoS 1"
        device.vanish()
        site = Gateway(fleet.broker.port, "publisher", "site", "site-secret")
        assert site.connect() == ACCEPTED
        assert site.publish(topic, "restart")
        take_place(world.placed.device_id, url=fleet.site_url, within=5)
        take_place(world.placed.device_id, url=fleet.site_url, within=5)
        again = gateway(port, world.placed, issued, clean=False)
        assert again.connect() == ACCEPTED
        eventually(lambda: [payload for _, payload, _ in again.received] == [b"restart"])


@contextmanager
def closing_for(fleet: Fleet) -> Iterator[None]:
    closer = Closer(timezone.now, url=fleet.site_url)
    closer.start()
    yield
    closer.stop()


def test_a_device_that_sends_too_much_is_shut_out_for_a_time(
    world: World, fleet: Fleet, port: int, stored: list[Message], settings: Settings, client: Browser
) -> None:
    settings.MQTT_LIMITS, settings.MQTT_BACKLOG, settings.MQTT_BAN_SECONDS = True, 50, 16.0
    issued, others = (credentials.issue_credential(device=of, by=None) for of in (world.placed, world.foreign))
    noisy, quiet = gateway(port, world.placed, issued), gateway(port, world.foreign, others)
    own, other = (f"devices/{each.client_id}/state" for each in (noisy, quiet))
    assert [each.connect() for each in (noisy, quiet)] == [ACCEPTED] * 2
    for _ in range(500):
        noisy.client.publish(own, "1", 0)
    events = Event.objects.filter(kind=Event.Kind.LIMITED)
    eventually(events.exists)
    began = time.monotonic()
    assert [(event.device, event.data) for event in events] == [(world.placed, {"seconds": 16.0})]
    client.force_login(world.admin)
    eventually(lambda: "were dropped" in client.get(world.placed.get_absolute_url()).content.decode())

    time.sleep(5)  # the time that the broker and the gate may believe the last answer, of a device that pauses
    assert not noisy.publish(own, "2")
    noisy.connect()
    assert not noisy.publish(own, "3")
    assert quiet.publish(other, "4")

    def is_let_in_again() -> bool:
        again = gateway(port, world.placed, issued)  # one that sends nothing again of what was not taken
        return again.connect() == ACCEPTED and again.publish(own, "5")

    eventually(is_let_in_again, 30)
    assert time.monotonic() > began + 15
    eventually(lambda: {b"4", b"5"} <= {message.payload for message in stored})
    assert [message.payload for message in stored].count(b"1") == 80
    assert "were dropped" not in client.get(world.placed.get_absolute_url()).content.decode()


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
