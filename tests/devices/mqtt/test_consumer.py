from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from paho.mqtt.client import Client

from devices.mqtt import consumer, heartbeat, intake
from devices.mqtt.consumer import Consumer, Unrouted
from devices.mqtt.messages import counts
from tests import parts
from tests.devices.mqtt.sending import DEVICE, TOPIC, got, numbers, send
from tests.mqtt import tls
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.devices.mqtt.conftest import Sink
    from tests.devices.mqtt.sending import Start
    from tests.mqtt.processes import Process


PRESS = '{"data": {"registerButton": true}}'


def test_both_names_of_the_topic(start: Start, device: Client, sink: Sink) -> None:
    start()
    send(device, "1")
    send(device, "2", topic=f"losant/{DEVICE}/state")
    send(device, "3", topic=f"elsewhere/{DEVICE}/state")
    send(device, "4", qos=0)
    got(sink, "1", "2", "4")
    assert {message.device_id for batch in sink.batches for message in batch} == {DEVICE}


def test_over_tls(broker: Process, device: Client, sink: Sink, settings: Settings, tmp_path: Path) -> None:
    certificate, port = tls.make_certificate(tmp_path, "127.0.0.1"), parts.free_port()
    settings.MQTT_CA = str(certificate.authority)
    with tls.front(certificate, "127.0.0.1", {port: broker.port}):
        consumer = Consumer(sink, client_id="consumer", url=f"mqtts://127.0.0.1:{port}", clock=timezone.now)
        consumer.start()
        eventually(consumer.is_subscribed)
        for number in range(500):
            device.publish(TOPIC, f"{number:05d}" + "x" * 4_000, qos=1)
        eventually(lambda: len(sink.payloads) == 500)
        consumer.stop()
    assert [int(payload[:5]) for payload in sink.payloads] == list(range(500))
    assert not any(message.repeated for batch in sink.batches for message in batch)


def test_what_arrives_during_a_commit_is_the_next_batch(start: Start, device: Client, sink: Sink) -> None:
    start()
    sink.open.clear()
    send(device, "1")
    time.sleep(0.2)
    send(device, *numbers(2, 12))
    time.sleep(0.2)
    sink.open.set()
    got(sink, *numbers(1, 12))
    assert [len(batch) for batch in sink.batches] == [1, 10]


def test_a_few_that_keep_coming_are_stored_together(
    start: Start, device: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "STEP_SECONDS", 0.1)  # longer than this machine takes from one to the next
    monkeypatch.setattr(consumer, "GATHER_SECONDS", 0.2)
    start()
    for number in range(100):
        device.publish(TOPIC, str(number), qos=1)
        time.sleep(0.004)
    got(sink, *numbers(0, 100))
    assert len(sink.batches) < 50  # where nothing waits: nearly one each


@pytest.mark.parametrize(("consumers", "apart"), [(1, 0.5), (2, 1.0)])
def test_what_comes_after_a_rest_is_stored_at_once_and_what_follows_a_little_later(
    start: Start,
    device: Client,
    sink: Sink,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    consumers: int,
    apart: float,
) -> None:
    settings.CONSUMERS, settings.BROKER_DIVIDES = consumers, "share"
    monkeypatch.setattr(consumer, "GATHER_SECONDS", 0.5)
    start()
    began = time.monotonic()
    send(device, "0")
    got(sink, "0")
    stored = time.monotonic()
    assert stored - began < 0.45
    send(device, *numbers(1, 4))
    time.sleep(0.05)  # more than a step
    send(device, "4")
    got(sink, *numbers(0, 5))
    assert [len(batch) for batch in sink.batches] == [1, 4]
    assert time.monotonic() - stored > apart - 0.2
    send(device, "5", PRESS)
    eventually(lambda: len(sink.payloads) == 7, apart / 2)


def test_a_press_and_enough_of_others_are_not_waited_for(
    start: Start, device: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "STEP_SECONDS", 60.0)
    monkeypatch.setattr(intake, "ENOUGH", 20)
    start()
    send(device, "1", PRESS)
    got(sink, PRESS, "1")
    send(device, *numbers(2, 22))
    got(sink, PRESS, *numbers(1, 22))


def test_messages_of_one_device_never_share_a_millisecond(start: Start, device: Client, sink: Sink) -> None:
    start()
    for number in range(100):
        device.publish(TOPIC, str(number), qos=1)
    got(sink, *numbers(0, 100))
    at = [message.received_at for batch in sink.batches for message in batch]
    assert len({moment.replace(microsecond=moment.microsecond // 1000) for moment in at}) == 100
    assert at == sorted(at)


def test_stopped_it_finishes_what_it_has_and_the_broker_keeps_the_rest(
    start: Start, device: Client, sink: Sink
) -> None:
    first = start()
    send(device, *numbers(0, 50))
    got(sink, *numbers(0, 50))
    first.stop()
    send(device, "-", topic="nobody/listens")  # acknowledged, the broker has seen the first one leave
    send(device, *numbers(50, 100))
    start()
    got(sink, *numbers(0, 100))
    assert not any(message.repeated for batch in sink.batches for message in batch)


def test_what_was_not_committed_is_not_acknowledged(start: Start, device: Client, sink: Sink) -> None:
    def fail(_: Sequence[Message]) -> None:
        raise ConnectionError

    sink.fail = fail
    first = start()
    send(device, "1", "2")
    first.stop()
    sink.fail = lambda _: None
    start()
    got(sink, "1", "2")
    assert all(message.repeated for batch in sink.batches for message in batch)


def test_what_came_another_way_is_stored_too_and_nobody_knows_when_it_came(start: Start, sink: Sink) -> None:
    consumer = start()
    reports = [Unrouted(TOPIC, str(number).encode(), number > 1) for number in range(3)]
    assert consumer.store(reports)
    got(sink, "0", "1", "2")
    messages = [message for batch in sink.batches for message in batch]
    assert [(message.device_id, message.repeated, message.came_after) for message in messages] == [
        (DEVICE, repeated, None) for repeated in (False, False, True)
    ]


def test_what_came_another_way_and_could_not_be_stored_is_told(start: Start, sink: Sink) -> None:
    def fail(_: Sequence[Message]) -> None:
        raise ConnectionError

    sink.fail = fail
    consumer = start()
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(consumer.store, [Unrouted(TOPIC, b"1", False)])
        time.sleep(0.2)
        assert not told.done()
        consumer.stop()
        assert told.result(10) is False


def test_a_temporary_error_is_tried_again_and_nothing_is_lost(start: Start, device: Client, sink: Sink) -> None:
    tries: list[int] = []

    def fail(batch: Sequence[Message]) -> None:
        tries.append(len(batch))
        if len(tries) < 4:
            raise ConnectionError

    sink.fail = fail
    start()
    send(device, *numbers(0, 10))
    got(sink, *numbers(0, 10))
    assert counts["poison"] == 0
    assert not any(message.repeated for batch in sink.batches for message in batch)


def test_poison_is_given_up_alone(start: Start, device: Client, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    def fail(batch: Sequence[Message]) -> None:
        if any(message.payload == b"poison" for message in batch):
            raise ZeroDivisionError

    sink.fail = fail
    consumer = start()
    sink.open.clear()
    send(device, "1", "2", "poison", "3")
    sink.open.set()
    got(sink, "1", "2", "3")
    assert counts["poison"] == 1
    assert f"given up: topic {TOPIC}, 6 bytes" in caplog.text
    consumer.stop()
    start()
    send(device, "4")
    got(sink, "1", "2", "3", "4")


def test_poison_among_many_is_found_by_halving(
    start: Start, device: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "FIRST_PAUSE", 0.0)
    tries = []

    def fail(batch: Sequence[Message]) -> None:
        tries.append(len(batch))
        if any(message.payload in (b"poison", b"venom") for message in batch):
            raise ZeroDivisionError

    sink.fail = fail
    start()
    sink.open.clear()
    send(device, *numbers(0, 100), "poison", *numbers(100, 200), "venom", *numbers(200, 300))
    sink.open.set()
    got(sink, *numbers(0, 300))
    assert counts["poison"] == 2
    assert len(tries) < 60
    assert sum(tries) < 8 * 302
    assert tries.count(1) <= 8  # twice what is poison, and once its neighbours


def test_the_broker_restarts(start: Start, device: Client, sink: Sink, broker: Process) -> None:
    consumer = start()
    send(device, "1")
    got(sink, "1")
    broker.stop()
    eventually(lambda: not consumer.is_subscribed())
    broker.start()
    eventually(consumer.is_subscribed)
    send(device, "2")
    got(sink, "1", "2")


def test_message_ids_of_a_lost_connection_are_not_acknowledged_on_the_next(
    start: Start, device: Client, sink: Sink, broker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = start()
    sink.open.clear()
    send(device, "1")
    eventually(lambda: consumer._connection == 1 and not consumer._intake)
    broker.stop()
    broker.start()
    eventually(lambda: consumer.is_subscribed() and consumer._intake, 15)
    by: list[str] = []  # the thread that acknowledges: fences are not the flusher's
    monkeypatch.setattr(
        consumer._links[0]._receiver, "acknowledge", lambda _: by.append(threading.current_thread().name)
    )
    sink.open.set()
    eventually(lambda: len(sink.batches) == 2)
    assert [message.repeated for batch in sink.batches for message in batch] == [False, True]
    consumer.stop()
    assert by.count("consumer") == 1


@pytest.fixture
def redis(settings: Settings) -> Iterator[parts.Redis]:
    server = parts.Redis()
    server.start()
    settings.REDIS_URL = server.url
    yield server
    server.stop()


def test_the_heart_beats_while_connected(
    redis: parts.Redis, start: Start, device: Client, sink: Sink, broker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LIVES_SECONDS", 3)
    consumer = start()
    send(device, "1")
    eventually(lambda: (heartbeat.read() or {}).get("counts") == {"handled": 1})
    beat = heartbeat.read()
    assert beat is not None
    assert (beat["connected"], beat["failing"], beat["queued"]) == (True, False, 0)
    assert beat["behind"] < 5
    assert abs(time.time() - beat["time"]) < 5
    broker.stop()
    eventually(lambda: heartbeat.read() is None)
    broker.start()
    eventually(heartbeat.read)
    consumer.stop()
    assert heartbeat.read() is None


def test_without_redis_it_goes_on(redis: parts.Redis, start: Start, device: Client, sink: Sink) -> None:
    start()
    eventually(heartbeat.read)
    redis.stop()
    began = time.monotonic()
    for number in numbers(0, 200):
        send(device, number)
    got(sink, *numbers(0, 200))
    assert time.monotonic() - began < 5


def test_two_at_once_are_told_and_one_after_the_other_is_not(
    redis: parts.Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "RIVAL_SECONDS", 0.5)
    heartbeat.Heartbeat().beat()  # of one that was killed
    heart, other = heartbeat.Heartbeat(), heartbeat.Heartbeat()

    def rival() -> bool:
        heart.beat()
        return bool((heartbeat.read() or {})["rival"])

    assert [rival() for _ in range(3)] == [False] * 3
    for _ in range(3):
        other.beat()
        heart.beat()
    assert rival()
    assert caplog.text.count("another consumer is at work") == 2  # of each once
    eventually(lambda: not rival())


def test_heartbeat_is_json_of_facts(redis: parts.Redis) -> None:
    heart = heartbeat.Heartbeat()
    assert heart.is_due()
    heart.beat(connected=True)
    assert not heart.is_due()
    raw = heartbeat.connect().get(heartbeat.KEY)
    assert isinstance(raw, bytes)
    assert json.loads(raw)["connected"] is True
    heart.end()
    assert heartbeat.read() is None
