"""A production broker for real: it asks the site who may, and the consumer receives what it lets through."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from devices import credentials, locks
from devices.models import Credential
from devices.mqtt.consumer import Consumer
from tests.mqtt.backlog import nothing_is_known_of_a_backlog
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually
from tests.mqtt.rabbitmq import rabbitmq

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings
    from pytest_django.live_server_helper import LiveServer

    from devices.models import Device
    from devices.mqtt.messages import Message
    from tests.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

SECRET = "broker-secret"


@pytest.fixture
def port(tmp_path: Path, live_server: LiveServer, settings: Settings) -> Iterator[int]:
    settings.BROKER_AUTH_SECRET = SECRET
    with rabbitmq(tmp_path, live_server.url.removeprefix("http://"), SECRET) as node:
        settings.MQTT_URL = f"mqtt://site:site-secret@127.0.0.1:{node.port}"
        yield node.port


@pytest.fixture
def stored(port: int) -> Iterator[list[Message]]:
    messages: list[Message] = []
    consumer = Consumer(messages.extend, client_id="handover-consumer", clock=timezone.now)
    consumer.start()
    eventually(consumer.is_subscribed)
    yield messages
    consumer.stop()


def test_a_device_on_rabbitmq(world: World, port: int, stored: list[Message]) -> None:
    """One test, since the node takes ten seconds to start."""
    issued, foreign = (credentials.issue(device=device, by=None) for device in (world.placed, world.foreign))
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
    site = Gateway(port, "publisher", "site", "site-secret")
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

    assert victim.publish(f"devices/{other}/state", "fine")
    eventually(lambda: stored[-1].payload == b"fine")
    assert not victim.lost.is_set()
    assert [message.payload for message in stored if message.payload != b"kept?"] == [b"1", b"2", b"fine"]

    nothing_is_known_of_a_backlog(victim, f"devices/{other}/state", "another-consumer", count=200)

    device, third = join(), world.waiting.device_id
    former = credentials.issue(device=world.waiting, by=None)
    assert join(world.waiting, former).publish(f"devices/{third}/state", "before")
    new = credentials.rotate(device=world.waiting, by=world.owner)
    rotated = join(world.waiting, new)
    eventually(lambda: stored[-1].payload == b"before")

    credentials.revoke(credential=Credential.objects.get(access_key=foreign.access_key), by=world.owner)
    locks.lock(device=world.placed, by=world.owner)
    time.sleep(4.1)  # the time that the broker may believe the site's last answer
    assert not victim.publish(f"devices/{other}/state", "revoked")
    assert not device.publish(f"devices/{own}/state", "locked")
    for of, ended in ((world.foreign, foreign), (world.placed, issued), (world.waiting, former)):
        assert gateway(port, of, ended).connect() != ACCEPTED
    assert rotated.publish(f"devices/{third}/state", "after")
    eventually(lambda: stored[-1].payload == b"after")
    assert not {b"revoked", b"locked"} & {message.payload for message in stored}
