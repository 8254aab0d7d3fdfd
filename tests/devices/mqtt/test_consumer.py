from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices.mqtt import heartbeat, intake, receiver
from devices.mqtt.consumer import Consumer, Unrouted
from devices.mqtt.messages import counts
from devices.mqtt.receiver import Delivery
from tests import parts
from tests.mqtt import tls
from tests.mqtt.backlog import fenced
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_django import Settings

    from devices.mqtt.messages import Message
    from tests.devices.mqtt.conftest import Sink
    from tests.mqtt.processes import Process

    Start = Callable[..., Consumer]

DEVICE = "a" * 24
TOPIC = f"devices/{DEVICE}/state"


@pytest.fixture
def device(broker: Process) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, "device")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def send(device: Client, *payloads: str, topic: str = TOPIC, qos: int = 1) -> None:
    for payload in payloads:
        device.publish(topic, payload, qos=qos).wait_for_publish(10)


def numbers(start: int, stop: int) -> list[str]:
    return [str(number) for number in range(start, stop)]


def got(sink: Sink, *payloads: str) -> None:
    eventually(lambda: len(sink.payloads) >= len(payloads))
    assert [payload.decode() for payload in sink.payloads] == list(payloads)


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


def test_a_full_queue_is_shed_and_delivered_again(
    start: Start, device: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_QUEUED", 5)
    fenced(start())
    sink.open.clear()
    send(device, *numbers(0, 15))
    eventually(lambda: counts["shed"] > 0)
    sink.open.set()
    eventually(lambda: {int(payload) for payload in sink.payloads} == set(range(15)), 45)


@pytest.fixture
def hold_up(
    start: Start, device: Client, sink: Sink, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Consumer]:
    """Starts a consumer with so many parts for which more waits at the broker than it may take in, until it does."""

    def begin(parts: int) -> Consumer:
        settings.CONSUMERS, settings.BROKER_DIVIDES = parts, "share"
        monkeypatch.setattr(intake, "MAX_QUEUED", 24)
        start(range(parts)).stop()
        send(device, *numbers(0, 90))
        sink.open.clear()
        consumer = start(range(parts))
        eventually(lambda: all(link.is_held_up for link in consumer._links.values()))
        return consumer

    return begin


@pytest.mark.parametrize("parts", [1, 3])
def test_of_what_lay_at_the_broker_only_as_much_is_read_as_there_is_room_for(
    hold_up: Callable[[int], Consumer], sink: Sink, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """The broker gives out to each session as much as to a lone one."""
    monkeypatch.setattr(receiver, "KEEPALIVE", 2)  # the broker hangs up after three seconds without a word
    consumer = hold_up(parts)
    eventually(lambda: all(link.waiting >= 2 for link in consumer._links.values()))
    time.sleep(4)
    assert len(consumer._intake) <= 12
    sink.open.set()
    eventually(lambda: len(sink.payloads) >= 90, 5)  # nobody waits until somebody looks
    eventually(lambda: not any(link.is_held_up for link in consumer._links.values()))
    assert sorted(map(int, sink.payloads)) == [*range(90)]
    assert not any(message.repeated for batch in sink.batches for message in batch)
    assert (counts["shed"], consumer._connection) == (0, 1)
    eventually(lambda: all(link.came_after for link in consumer._links.values()))


def test_a_connection_that_ends_while_it_is_held_up_loses_nothing(
    hold_up: Callable[[int], Consumer], sink: Sink, broker: Process
) -> None:
    consumer = hold_up(3)
    broker.stop()
    eventually(lambda: not any(link.is_held_up for link in consumer._links.values()), 10)
    assert not consumer.is_subscribed()
    broker.start()
    eventually(lambda: consumer.is_subscribed() and consumer._connection == 4, 15)
    sink.open.set()
    eventually(lambda: {int(payload) for payload in sink.payloads} == set(range(90)), 15)
    eventually(lambda: all(link.waiting == 0 for link in consumer._links.values()))


def test_stopped_while_it_is_held_up_it_leaves_the_rest_to_the_next(
    hold_up: Callable[[int], Consumer], start: Start, sink: Sink
) -> None:
    consumer = hold_up(3)
    sink.open.set()
    began = time.monotonic()
    consumer.stop()
    assert time.monotonic() - began < 5
    start(range(3))
    eventually(lambda: len(sink.payloads) >= 90)
    assert sorted(map(int, sink.payloads)) == [*range(90)]


def test_a_part_that_is_left_while_it_is_held_up_is_anothers(hold_up: Callable[[int], Consumer], sink: Sink) -> None:
    consumer = hold_up(3)
    consumer.hold([0])
    consumer.hold([0, 1, 2])
    sink.open.set()
    eventually(lambda: {int(payload) for payload in sink.payloads} == set(range(90)), 15)
    assert len(consumer._intake) == 0


def deliver(consumer: Consumer, part: int, count: int, *, qos: int = 1) -> list[Delivery]:
    """Have so many come by the connection of a part, and return those that are not taken in."""
    sent = [
        Delivery(0x30 | qos << 1, TOPIC.encode(), (number + 1) * qos, str(number).encode()) for number in range(count)
    ]
    return list(consumer.take_in(consumer._links[part], sent))


@pytest.fixture
def unstarted(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    monkeypatch.setattr(intake, "MAX_QUEUED", 24)
    return Consumer(sink, client_id="consumer", url="mqtt://127.0.0.1:1", clock=timezone.now, held=(0, 1, 2))


def test_each_part_goes_on_whatever_waits_of_another(unstarted: Consumer) -> None:
    held_up = [len(deliver(unstarted, part, 20)) for part in (0, 1, 2)]
    assert held_up == [12, 18, 18]
    unstarted._take()
    assert [link.waiting for link in unstarted._links.values()] == [0, 0, 0]
    assert [len(deliver(unstarted, part, 20)) for part in (2, 1)] == [12, 18]


def test_whatever_takes_up_the_room_what_lay_at_the_broker_waits(
    unstarted: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_QUEUED_BYTES", 3)
    assert len(deliver(unstarted, 0, 5)) == 2
    assert len(deliver(unstarted, 1, 5)) == 5
    assert counts["shed"] == 0


def test_whoever_is_held_up_looks_again_once_there_is_room(
    unstarted: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acknowledgements would wake that part alone of which something was stored."""
    monkeypatch.setattr(intake, "MAX_QUEUED_BYTES", 3)
    looked: list[int] = []
    for link in unstarted._links.values():
        monkeypatch.setattr(link, "go_on", lambda part=link.part: looked.append(part))
    deliver(unstarted, 0, 3)
    deliver(unstarted, 1, 1)
    unstarted._take()
    assert looked == [1]


def test_after_the_first_fence_a_press_waits_for_nobody(
    unstarted: Consumer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MQTT_LIMITS = True
    monkeypatch.setattr(intake, "MAX_QUEUED", 40)
    unstarted._links[0].came_after = timezone.now()
    assert deliver(unstarted, 0, 100) == []
    assert counts["shed"] == 30
    body = b'{"data": {"registerButton": true}}'
    press = Delivery(0x32, f"devices/{'b' * 24}/state".encode(), 200, body)
    assert unstarted.take_in(unstarted._links[0], [press]) == []
    assert unstarted._take()[0].message.payload == body


def test_what_no_broker_repeats_is_not_held_up(unstarted: Consumer) -> None:
    held_up = deliver(unstarted, 0, 20)
    assert len(held_up) == 12
    link = unstarted._links[0]
    sent = [*held_up, Delivery(0x30, TOPIC.encode(), 0, b"never again")]
    assert unstarted.take_in(link, sent) == held_up
    assert unstarted._take()[-1].message.payload == b"never again"
    assert link.waiting == 0


def test_what_was_left_out_is_repeated_once_there_is_room_whatever_waits_of_other_parts(
    unstarted: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[int] = []
    for link in unstarted._links.values():
        monkeypatch.setattr(link, "reconnect", lambda part=link.part: again.append(part))
    for part in (0, 1):
        unstarted._links[part].came_after = timezone.now()
    deliver(unstarted, 0, 60)
    unstarted._take()
    deliver(unstarted, 1, 20)
    unstarted._redeliver_shed()
    assert again == []  # there is no room
    unstarted._take()
    deliver(unstarted, 0, 1)
    unstarted._redeliver_shed()
    assert again == []  # what waits would come twice
    unstarted._take()
    deliver(unstarted, 1, 12)
    for _ in range(2):
        unstarted._redeliver_shed()
        assert again == [0]


def test_nobody_waits_for_what_no_broker_repeats(
    start: Start, device: Client, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_QUEUED", 5)
    consumer = start()
    told: list[int] = []
    monkeypatch.setattr(consumer, "_tell", lambda limited: told.extend(each.lost for each in limited.values()))
    sink.open.clear()
    for number in numbers(0, 15):
        device.publish(TOPIC, number, qos=0)
    eventually(lambda: counts["shed"] > 0)
    sink.open.set()
    eventually(lambda: len(sink.payloads) >= 5)
    time.sleep(0.3)
    assert (consumer.is_subscribed(), consumer._connection) == (True, 1)
    eventually(lambda: sum(told) == counts["shed"] > 0)


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
