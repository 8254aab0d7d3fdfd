"""The demo's broker for real: its own process, real clients, and what hostile ones try (quality: row 19)."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.broker.embedded.connection import SLOWED_SECONDS
from devices.connections import limited
from devices.credentials import operations as credentials
from devices.lifecycle import locks, removal, retirement
from devices.models import Credential, CredentialUse, Device, Event, RefusedAttempt
from devices.mqtt.messages import MAX_BYTES
from devices.refusals import DEVICE_LIVED
from tests.builders import make_device
from tests.devices.broker.embedded.conftest import CONSUMER
from tests.devices.broker.embedded.topics import commands, states
from tests.mqtt.gateway import ACCEPTED, REFUSED, Gateway, gateway
from tests.mqtt.processes import eventually
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

    Join = Callable[..., Gateway]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

COMMAND = b'{"name": "restart"}'


def test_state_out_and_commands_in(world: World, join: Join, site: Gateway) -> None:
    device = join(world.placed)
    assert device.subscribe(commands(world.placed)) == "Granted QoS 1"
    assert device.publish(states(world.placed), "1")
    assert device.publish(f"losant/{world.placed.device_id}/state", "2", qos=0)
    assert site.publish(commands(world.placed), COMMAND)
    eventually(lambda: len(site.received) == 2 and device.received)
    assert [payload for _, payload, _ in site.received] == [b"1", b"2"]
    assert device.received == [(commands(world.placed), COMMAND, False)]


def test_who_was_refused_is_counted_within_seconds(world: World, port: int) -> None:
    issued = credentials.issue_credential(device=world.waiting, by=None)
    wrong = replace(issued, access_secret="x" * 43)
    for _ in range(3):
        assert gateway(port, world.waiting, wrong).connect() == REFUSED
    eventually(
        lambda: [(row.reason, row.count) for row in RefusedAttempt.objects.all()] == [("connect-wrong-secret", 3)]
    )


DROPPED: list[tuple[str, dict[str, Any]]] = [
    ("devices/{other}/state", {}),
    ("losant/{other}/state", {}),
    ("devices/{own}/command", {}),
    ("devices/{other}/command", {}),
    ("devices/{own}/state/more", {}),
    ("$SYS/broker", {}),
    ("handover/fence", {}),
    ("devices/{own}/state", {"retain": True}),
]
ENDING: list[tuple[str, dict[str, Any]]] = [
    ("devices/{own}/state", {"qos": 2}),
    ("devices/{own}/state", {"payload": b"x" * 300_000}),
]


def test_what_it_may_not_publish_is_acknowledged_and_dropped(world: World, join: Join, site: Gateway) -> None:
    """Cut, it would send the same again after each connect. The device's page tells it."""
    victim, sender = join(world.foreign), join(world.placed)
    assert victim.subscribe(commands(world.foreign)) == "Granted QoS 1"
    for wanted, options in DROPPED:
        topic = wanted.format(own=world.placed.device_id, other=world.foreign.device_id)
        assert sender.publish(topic, "{}", **options), wanted
        assert sender.publish(topic, "{}", qos=0, **options)
    assert sender.publish(states(world.placed), "own")
    assert victim.publish(states(world.foreign), "fine")
    eventually(lambda: len(site.received) == 2)
    assert [payload for _, payload, _ in site.received] == [b"own", b"fine"]
    assert victim.received == []
    assert not sender.lost.is_set()
    told = {"topic-of-another": 2 * (len(DROPPED) - 1), "retained": 2}
    eventually(lambda: dict(RefusedAttempt.objects.filter(device=world.placed).values_list("reason", "count")) == told)
    assert not RefusedAttempt.objects.filter(device=world.foreign).exists()


def test_one_that_publishes_what_it_may_not_without_a_pause_is_slowed(world: World, join: Join, site: Gateway) -> None:
    noisy, other = join(world.placed), join(world.foreign)
    sent = [noisy.client.publish(states(world.foreign), "{}", qos=1) for _ in range(400)]
    assert other.publish(states(world.foreign), "fine")
    assert not sent[-1].is_published()
    eventually(lambda: site.received)
    assert [payload for _, payload, _ in site.received] == [b"fine"]
    noisy.vanish()


def test_a_hostile_message_ends_only_its_sender(world: World, join: Join, site: Gateway) -> None:
    victim = join(world.foreign)
    for attack, options in ENDING:
        attacker = join(world.placed)
        topic = attack.format(own=world.placed.device_id)
        assert not attacker.publish(topic, **options), attack
        assert attacker.lost.wait(5)
        assert victim.publish(states(world.foreign), "fine")
    eventually(lambda: len(site.received) == len(ENDING))
    assert {payload for _, payload, _ in site.received} == {b"fine"}


FOREIGN = [
    "#",
    "devices/+/state",
    "devices/+/command",
    "+/{own}/command",
    "devices/{own}/#",
    "devices/{own}/state",
    "devices/{other}/command",
    "$share/group/devices/{own}/command",
    "$share/group/devices/+/state",
    "$SYS/#",
    "handover/fence",
]


def test_a_foreign_subscription_is_refused(world: World, join: Join, site: Gateway) -> None:
    attacker = join(world.placed)
    for topic in FOREIGN:
        granted = attacker.subscribe(topic.format(own=world.placed.device_id, other=world.foreign.device_id))
        assert granted == "Unspecified error", topic
    assert site.publish(commands(world.foreign), COMMAND)
    assert join(world.foreign).publish(states(world.foreign))
    time.sleep(0.2)
    assert attacker.received == []


def test_who_is_not_let_in_disturbs_nobody(world: World, port: int, join: Join, site: Gateway) -> None:
    victim = join(world.foreign, clean=False)
    assert victim.subscribe(commands(world.foreign)) == "Granted QoS 1"
    own = credentials.issue_credential(device=world.placed, by=None)
    for client_id in (world.foreign.device_id, CONSUMER, ""):
        for username, password in ((own.access_key, own.access_secret), ("", ""), ("site", "guess")):
            stranger = Gateway(port, client_id, username, password)
            assert stranger.connect() == REFUSED
            stranger.leave()
    assert site.publish(commands(world.foreign), COMMAND)
    eventually(lambda: victim.received)
    assert not victim.lost.is_set()
    assert not site.lost.is_set()


def test_a_will_that_is_not_its_own(world: World, port: int) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    for topic, retain in ((states(world.foreign), False), (states(world.placed), True)):
        client = gateway(port, world.placed, issued)
        client.client.will_set(topic, b"will", 1, retain)
        assert client.connect() == REFUSED
        client.leave()


def test_a_will_of_its_own_is_sent_when_it_vanishes(world: World, port: int, site: Gateway) -> None:
    client = gateway(port, world.placed, credentials.issue_credential(device=world.placed, by=None))
    client.client.will_set(states(world.placed), b"will", 1)
    assert client.connect() == ACCEPTED
    client.vanish()
    eventually(lambda: site.received == [(states(world.placed), b"will", False)])


def test_a_hundred_messages_a_second_are_slowed_down_and_none_is_refused(
    world: World, join: Join, site: Gateway
) -> None:
    noisy, victim = join(world.placed), join(world.foreign)
    began = time.monotonic()
    sent = [noisy.client.publish(states(world.placed), str(number), qos=number % 2) for number in range(100)]
    for _ in range(10):
        assert victim.publish(states(world.foreign), "fine")
    assert len(site.received) < 100
    eventually(lambda: all(info.is_published() for info in sent))
    eventually(lambda: len(site.received) == 110)
    assert time.monotonic() - began > 70 * SLOWED_SECONDS
    assert not noisy.lost.is_set()


def test_who_is_shut_out_is_gone_within_five_seconds_and_comes_back(world: World, join: Join, site: Gateway) -> None:
    noisy, victim = join(world.placed), join(world.foreign)
    limited.record_limits({world.placed.device_id: (4.0, 1)})
    assert noisy.lost.wait(5)
    assert noisy.connect() == "Server unavailable"
    assert victim.publish(states(world.foreign))
    eventually(lambda: noisy.connect() == ACCEPTED)


def test_a_device_that_comes_twice_is_there_once(world: World, port: int, site: Gateway) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    clients = [gateway(port, world.placed, issued, clean=clean) for clean in (True, False, True, False)]
    for former, client in zip([None, *clients], clients, strict=False):
        assert client.connect() == ACCEPTED
        assert former is None or former.lost.wait(5)
    assert clients[-1].publish(states(world.placed), "still here")
    assert clients[-1].subscribe(commands(world.placed)) == "Granted QoS 1"
    assert site.publish(commands(world.placed), COMMAND)
    eventually(lambda: clients[-1].received)
    for client in clients:
        client.leave()


ENDS: dict[str, Callable[[World], object]] = {
    "revoked": lambda world: credentials.revoke_all_credentials([world.placed], by=world.owner),
    "locked": lambda world: locks.lock_devices([world.placed], by=world.owner),
    "retired": lambda world: retirement.retire_devices([world.placed], by=world.owner),
    "rotated": lambda world: credentials.rotate_credentials(
        device=world.placed, by=world.owner, ends=credentials.AT_ONCE
    ),
    "past its end": lambda world: Credential.objects.filter(device=world.placed).update(expires_at=Now()),
}


@pytest.mark.parametrize("how", ENDS)
def test_whatever_ends_a_credential_ends_its_connection_within_five_seconds(
    world: World, join: Join, site: Gateway, how: str
) -> None:
    device, other = join(world.placed), join(world.foreign)
    ENDS[how](world)
    assert device.lost.wait(5)
    assert device.connect() == REFUSED
    assert other.publish(states(world.foreign))
    assert not other.lost.is_set()


def test_who_connected_is_not_removed_and_who_was_removed_is_not_let_in(
    world: World, port: int, join: Join, site: Gateway
) -> None:
    device, other = join(world.waiting), make_device(world.version)
    eventually(CredentialUse.objects.filter(credential__device=world.waiting).exists)
    with refused(DEVICE_LIVED):
        removal.remove_device(device=world.waiting, by=world.owner)
    late = gateway(port, other, credentials.issue_credential(device=other, by=None))
    removal.remove_device(device=other, by=world.owner)
    assert late.connect() == REFUSED
    assert device.publish(states(world.waiting))


def test_who_was_removed_as_it_connected_is_gone_and_holds_up_nobody(world: World, join: Join, site: Gateway) -> None:
    device, other = join(world.waiting), join(world.placed)
    Device.objects.filter(pk=world.waiting.pk).delete()  # before any row said that it was there
    assert device.lost.wait(5)
    locks.lock_devices([world.placed], by=world.owner)
    assert other.lost.wait(5)


def test_the_first_use_of_a_new_credential_ends_the_former_ones_connection(
    world: World, port: int, join: Join, site: Gateway
) -> None:
    former = join(world.placed)
    issued = credentials.rotate_credentials(device=world.placed, by=world.owner)
    assert former.publish(states(world.placed))
    device = gateway(port, world.placed, issued)
    assert device.connect() == ACCEPTED
    assert former.lost.wait(5)
    eventually(lambda: Credential.objects.live().filter(device=world.placed).count() == 1)  # noted beside the admission
    assert former.connect() == REFUSED
    assert device.publish(states(world.placed))
    assert Event.objects.filter(device=world.placed, kind=Event.Kind.ACTIVATED).count() == 1
    device.leave()


def test_presence_follows_the_connection(world: World, join: Join) -> None:
    def status() -> object:
        return Device.objects.with_status().get(pk=world.placed.pk).status

    device = join(world.placed)
    eventually(lambda: status() == "online")
    eventually(lambda: Event.objects.filter(device=world.placed, kind=Event.Kind.CONNECTED).count() == 1)
    device.vanish()
    eventually(lambda: status() == "offline")


CONNECT = b"\x10\x16\x00\x04MQTT\x04\x02\x00\x01\x00\x0a0123456789"


NONSENSE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x00" * 100,
    b"\x10\xff\xff\xff\xff\xff",
    b"\x10\xff\xff\xff\x7f" + b"\x00" * 70_000,
    CONNECT[:-3],
    CONNECT,
    b"\x30" * 50,
]


def test_another_version_of_the_protocol_is_told_so(port: int, site: Gateway) -> None:
    later = Client(
        CallbackAPIVersion.VERSION2, "later", protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
    )
    answers: list[str] = []
    later.on_connect = lambda _, __, ___, code, *____: answers.append(str(code))
    later.connect("127.0.0.1", port)
    later.loop_start()
    eventually(lambda: answers)
    later.loop_stop()
    assert answers == ["Unsupported protocol version"]
    for connect, answer in (
        (b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x00", b"\x20\x03\x00\x84\x00"),
        (b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x1e\x00\x00\x00", b"\x20\x03\x00\x84\x00"),
        (b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x1e", b"\x20\x02\x00\x01"),
        (b"\x10\x0e\x00\x06MQIsdp\x83\x02\x00\x1e", b"\x20\x02\x00\x01"),  # a bridge's
        (b"\x10\x0c\x00\x04MQTT\x84\x02\x00\x1e\x00\x00", b"\x20\x02\x00\x01"),
        (b"\x10\x0c\x00\x04MQTT\x00\x02\x00\x1e\x00\x00", b"\x20\x02\x00\x01"),
        (CONNECT, b""),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as former:
            former.sendall(connect)
            former.shutdown(socket.SHUT_WR)
            assert former.recv(100) == answer or connect == CONNECT, connect
    assert not site.lost.is_set()


def test_subscriptions_without_end_are_slowed_down(world: World, join: Join) -> None:
    device, more = join(world.placed), 40
    began = time.monotonic()
    for wanted in (90, 90, 90, 30 + more):
        device.granted.clear()
        device.client.subscribe([(f"{number}/#", 1) for number in range(wanted)])
        eventually(lambda: len(device.granted) == wanted)  # noqa: B023
    assert time.monotonic() - began > more * SLOWED_SECONDS
    assert not device.lost.is_set()


def test_nonsense_is_hung_up_on(port: int, join: Join, world: World, site: Gateway) -> None:
    for nonsense in NONSENSE:
        with socket.create_connection(("127.0.0.1", port), timeout=15) as stranger:
            stranger.sendall(nonsense)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(100) in (b"", b"\x20\x02\x00\x05")
    assert join(world.placed).publish(states(world.placed))


def test_a_device_that_falls_silent_is_missed(world: World, port: int) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    parts = [world.placed.device_id, issued.access_key, issued.access_secret]
    body = b"\x00\x04MQTT\x04\xc2\x00\x01" + b"".join(struct.pack("!H", len(part)) + part.encode() for part in parts)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as device:
        device.sendall(bytes([0x10, len(body)]) + body)
        assert device.recv(4) == b"\x20\x02\x00\x00"
        assert device.recv(1) == b""  # after one and a half seconds


def test_the_largest_message_is_taken(world: World, join: Join, site: Gateway) -> None:
    device = join(world.placed)
    assert device.publish(states(world.placed), b" " * MAX_BYTES)
    eventually(lambda: site.received)


def test_asyncio_is_not_blocked_by_the_database(world: World, join: Join, site: Gateway) -> None:
    """Many at once are let in beside a device that goes on talking."""
    talker = join(world.placed)
    issued = credentials.issue_credential(device=world.foreign, by=None)

    async def storm() -> None:
        await asyncio.gather(*(asyncio.to_thread(_knock, talker._port, world.foreign, issued) for _ in range(8)))

    asyncio.run(storm())
    assert talker.publish(states(world.placed))
    assert not talker.lost.is_set()


def _knock(port: int, device: Device, issued: credentials.Issued) -> None:
    client = gateway(port, device, issued)
    assert client.connect() == ACCEPTED
    client.leave()
