"""The demo's broker, one for each test: what becomes of messages when it ends, is full, or something in it fails."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from config.mqtt_doors import DOORS
from devices.broker.embedded import broker as embedded
from devices.broker.embedded import connection
from devices.broker.embedded.broker import EmbeddedBroker
from devices.credentials import operations as credentials
from devices.lifecycle import locks
from devices.mqtt.consumer import Consumer
from tests.mqtt.gateway import ACCEPTED, Gateway, gateway
from tests.mqtt.processes import eventually, python, running
from tests.mqtt.sender import Sender
from tests.parts import free_port
from tests.stack import Factory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.conftest import World
    from tests.mqtt.processes import Process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

SECRET = "site-secret"
CONSUMER = "handover-consumer"


@pytest.fixture
def own(tmp_path: Path, db: None) -> Iterator[Process]:
    """A broker of one's own, with its log."""
    port = free_port()
    process = python(
        "manage.py", "broker", "--port", str(port), port=port, MQTT_URL=f"mqtt://site:{SECRET}@127.0.0.1:{port}"
    )
    process.log = tmp_path / "log"
    with running(process):
        yield process


@pytest.fixture
def inside(db: None, settings: Settings) -> Iterator[int]:
    """The port of a broker in this process, of which a test can change what is known."""
    port = free_port()
    settings.MQTT_URL = f"mqtt://site:{SECRET}@127.0.0.1:{port}"
    began, ends = threading.Event(), threading.Event()

    async def run() -> None:
        broker = EmbeddedBroker("127.0.0.1", port, DOORS)
        await broker.start()
        began.set()
        while not ends.is_set():
            await asyncio.sleep(0.05)
        await broker.shutdown()

    thread = threading.Thread(target=asyncio.run, args=[run()])
    thread.start()
    assert began.wait(10)
    yield port
    ends.set()
    thread.join()


def test_a_device_for_whose_report_there_is_no_room_is_let_go_and_sends_it_again(
    world: World, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "KEPT_STATES", 3)
    device = gateway(inside, world.placed, credentials.issue_credential(device=world.placed, by=None))
    assert device.connect() == ACCEPTED
    for number in range(5):
        device.client.publish(f"devices/{world.placed.device_id}/state", str(number), qos=1)
    assert device.lost.wait(5)
    device.client.loop_stop()
    site = Gateway(inside, CONSUMER, "site", SECRET, clean=False)
    assert site.connect() == ACCEPTED
    assert device.connect() == ACCEPTED
    eventually(lambda: {payload for _, payload, _ in site.received} == {b"0", b"1", b"2", b"3", b"4"})
    device.leave()
    site.leave()


def test_no_more_is_read_of_a_device_than_is_acknowledged(
    world: World, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it takes up no room of others, and is not let go for it."""
    monkeypatch.setattr(embedded, "KEPT_STATES", 10)
    monkeypatch.setattr(connection, "WINDOW", 5)
    device = gateway(inside, world.placed, credentials.issue_credential(device=world.placed, by=None))
    device.client.max_inflight_messages_set(100)
    assert device.connect() == ACCEPTED
    sent = [device.client.publish(f"devices/{device.client_id}/state", str(n), qos=1) for n in range(25)]
    assert not device.lost.wait(0.5)
    site = Gateway(inside, CONSUMER, "site", SECRET, clean=False)
    assert site.connect() == ACCEPTED
    eventually(lambda: all(info.is_published() for info in sent))
    device.leave()
    site.leave()


def test_whatever_stops_the_broker_from_looking_who_is_there_it_looks_again(
    world: World, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, failed = embedded._track_presence, threading.Event()

    def fail_first(*args: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        return look(*args)

    monkeypatch.setattr(embedded, "_track_presence", fail_first)
    device = gateway(inside, world.placed, credentials.issue_credential(device=world.placed, by=None))
    assert device.connect() == ACCEPTED
    assert failed.wait(5)
    locks.lock_devices([world.placed], by=world.admin)
    assert device.lost.wait(5)
    device.leave()


@pytest.mark.slow
def test_what_was_acknowledged_is_stored_however_the_broker_ends(
    world: World, own: Process, settings: Settings
) -> None:
    """In the order in which the demo ends its parts, and killed in the middle of it all."""
    settings.MQTT_URL = f"mqtt://site:{SECRET}@127.0.0.1:{own.port}"
    settings.MQTT_LIMITS = False
    stored: list[Message] = []

    def store(batch: Sequence[Message]) -> None:
        time.sleep(0.02)
        stored.extend(batch)

    issued = credentials.issue_credential(device=world.placed, by=None)
    device = Factory("", world.placed.device_id, issued.access_key, issued.access_secret)
    sender = Sender(own.port, device)
    sender.start()
    for end in (own.kill, own.stop):
        consumer = Consumer(store, client_id=CONSUMER, clock=timezone.now)
        consumer.start()
        before = len(stored)
        eventually(lambda: len(stored) > before + 20, 20)  # noqa: B023
        if end == own.stop:
            consumer.stop()
            time.sleep(0.3)
        end()
        own.start()
        consumer.stop()
    consumer = Consumer(store, client_id=CONSUMER, clock=timezone.now)
    consumer.start()
    eventually(sender.goes_on, 20)
    sender.stopped.set()
    sender.join(10)
    consumer.stop()
    assert len(sender.acknowledged) > 60
    assert set(sender.acknowledged) - {json.loads(message.payload)["time"] for message in stored} == set()


def test_a_flood_of_refused_subscriptions_does_not_fill_the_log(world: World, own: Process) -> None:
    assert own.log is not None
    device = gateway(own.port, world.placed, credentials.issue_credential(device=world.placed, by=None))
    assert device.connect() == ACCEPTED
    for _ in range(3):
        device.granted.clear()
        device.client.subscribe([(f"{number}/#", 1) for number in range(90)])
        eventually(lambda: len(device.granted) == 90)
    device.leave()
    assert [line.rpartition("(")[2] for line in own.log.read_text().splitlines() if "may not subscribe" in line] == [
        "refusal 1)",
        "refusal 10)",
        "refusal 100)",
    ]
