"""What the consumer knows of when a message came to the broker, on a real one."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices.mqtt import topics
from devices.mqtt.consumer import Consumer
from devices.mqtt.heartbeat import EVERY_SECONDS
from tests.mqtt.backlog import fenced
from tests.mqtt.mosquitto import mosquitto
from tests.mqtt.processes import eventually, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.devices.mqtt.conftest import Sink
    from tests.mqtt.processes import Process

    Start = Callable[[], Consumer]

TOPIC = f"devices/{'a' * 24}/state"


@contextmanager
def connected(broker: Process) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, "device")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def device(broker: Process) -> Iterator[Client]:
    with connected(broker) as client:
        yield client


def sent(device: Client, sink: Sink, payload: str = "now", qos: int = 1) -> datetime | None:
    """After which moment it came, as the consumer knows."""
    device.publish(TOPIC, payload, qos=qos).wait_for_publish(10)
    eventually(lambda: sink.payloads[-1:] == [payload.encode()])
    return sink.batches[-1][-1].came_after


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_came_after_the_last_fence_before_it(start: Start, device: Client, sink: Sink, qos: int) -> None:
    consumer = start()
    opened = timezone.now()
    fenced(consumer)
    before = timezone.now()
    known = sent(device, sink, qos=qos)
    assert known is not None
    assert opened < known < before + timedelta(seconds=1)
    assert consumer.measure_lag() < 5


def test_of_what_waited_at_the_broker_nothing_is_known(start: Start, device: Client, sink: Sink) -> None:
    consumer = start()
    fenced(consumer)
    consumer.stop()
    for number in range(50):
        device.publish(TOPIC, str(number), qos=1).wait_for_publish(10)
    came = timezone.now()
    consumer = start()
    eventually(lambda: len(sink.payloads) == 50)
    assert all(m.came_after is None or m.came_after < came for batch in sink.batches for m in batch)
    fenced(consumer)
    known = sent(device, sink)
    assert known is not None
    assert known > came


def test_no_fence_overtakes_what_waits(tmp_path: Path, sink: Sink) -> None:
    """Of QoS 1 Mosquitto sends no more than twenty unacknowledged; what has QoS 0 it sends before the rest."""
    with running(mosquitto(tmp_path, inflight=20)) as broker:
        consumer = Consumer(sink, client_id="consumer", url=f"mqtt://127.0.0.1:{broker.port}", clock=timezone.now)
        consumer.start()
        eventually(consumer.is_subscribed)
        fenced(consumer)
        sink.open.clear()
        with connected(broker) as device:
            for number in range(50):
                device.publish(TOPIC, str(number), qos=1).wait_for_publish(10)
        came = timezone.now()
        time.sleep(0.5)
        sink.open.set()
        eventually(lambda: len(sink.payloads) == 50)
        assert [m for batch in sink.batches for m in batch if m.came_after and m.came_after > came] == []
        consumer.stop()


def test_of_what_the_broker_repeats_nothing_is_known(start: Start, device: Client, sink: Sink) -> None:
    """It came before fences of the former connection, and no broker has to say that it repeats."""
    consumer = start()
    sink.open.clear()
    device.publish(TOPIC, "held", qos=1).wait_for_publish(10)
    came = timezone.now()
    fenced(consumer)
    consumer.reconnect()
    eventually(lambda: consumer._connection == 2 and consumer.is_subscribed())
    sink.open.set()
    eventually(lambda: len(sink.payloads) == 2)
    assert [m.repeated for batch in sink.batches for m in batch] == [False, True]
    assert [m for batch in sink.batches for m in batch if m.came_after and m.came_after > came] == []


def test_a_fence_that_is_not_its_own_is_nothing(start: Start, device: Client, sink: Sink) -> None:
    consumer = start()
    fenced(consumer)
    heard: list[bytes] = []
    device.on_message = lambda _, __, message: heard.append(bytes(message.payload))
    device.subscribe(topics.FENCE)
    eventually(lambda: heard)
    own, connection, *_ = heard[0].decode().split(" ")
    future = timezone.now() + timedelta(days=1)
    late = f"1e12 {future.isoformat()}"
    of_another_connection = f"{own} {int(connection) + 1} {late}"
    for forged in (of_another_connection, f"{'0' * 32} {connection} {late}", "", "\0", "x" * 1000, b"\xff"):
        device.publish(topics.FENCE, forged, qos=1).wait_for_publish(10)
    known = sent(device, sink)
    assert known is not None
    assert known < future
    assert consumer.is_subscribed()


def test_where_the_broker_lets_no_fence_through_the_log_says_so(
    tmp_path: Path, sink: Sink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.mqtt.consumer.BEHIND_SECONDS", 0.5)
    rules = "topic readwrite devices/+/state\ntopic read losant/+/state\ntopic read handover/fence\n"
    with running(mosquitto(tmp_path, rules=rules)) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        consumer = Consumer(sink, client_id="consumer", url=url, clock=timezone.now)
        consumer.start()
        eventually(lambda: "let this account publish to handover/fence" in caplog.text)
        time.sleep(EVERY_SECONDS)
        assert caplog.text.count("no press counts") == 1
        consumer.stop()


def test_a_clock_that_answers_late_moves_no_stamp(broker: Process, device: Client, sink: Sink) -> None:
    """As a database that is busy: what it says is of before."""
    late = [0.0]

    def clock() -> datetime:
        now = timezone.now()
        time.sleep(late[0])
        return now

    consumer = Consumer(sink, client_id="late", url=f"mqtt://127.0.0.1:{broker.port}", clock=clock)
    consumer.start()
    try:
        eventually(consumer.is_subscribed)
        fenced(consumer)
        late[0] = 0.6
        fenced(consumer)
        fenced(consumer)
        before = timezone.now()
        sent(device, sink)
        assert sink.batches[-1][-1].received_at > before - timedelta(seconds=0.3)
    finally:
        consumer.stop()


def test_a_clock_that_is_put_right_is_followed_and_one_that_is_away_tells_nothing_new(
    broker: Process, device: Client, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = [timedelta(hours=1)]
    url = f"mqtt://127.0.0.1:{broker.port}"
    consumer = Consumer(sink, client_id=f"c{os.getpid()}", url=url, clock=lambda: timezone.now() + ahead[0])
    consumer.start()
    try:
        eventually(consumer.is_subscribed)
        fenced(consumer)
        assert (sent(device, sink, "1") or timezone.now()) > timezone.now() + timedelta(minutes=50)
        ahead[0] = timedelta()
        fenced(consumer)
        assert (sent(device, sink, "2") or timezone.now() + timedelta(days=1)) < timezone.now()
        stamps = [message.received_at - timezone.now() for batch in sink.batches for message in batch]
        assert timedelta(minutes=50) < stamps[0]
        assert timedelta(seconds=-30) < stamps[1] < timedelta()
        ahead.clear()
        time.sleep(1)
        assert consumer.measure_lag() > 0.7
        assert caplog.text.count("no press counts") == 1
    finally:
        consumer.stop()
