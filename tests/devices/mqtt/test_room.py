"""More than there is room for: it waits at the broker; what comes of those that send too much is later left out, until
the broker repeats it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from paho.mqtt.client import Client

from devices.mqtt import intake, receiver
from devices.mqtt.consumer import Consumer
from devices.mqtt.messages import counts
from devices.mqtt.receiver import Delivery
from tests.devices.mqtt.sending import TOPIC, numbers, send
from tests.mqtt.backlog import fenced
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import Settings

    from tests.devices.mqtt.conftest import Sink
    from tests.devices.mqtt.sending import Start
    from tests.mqtt.processes import Process


def test_what_was_sent_too_fast_is_left_out_of_a_full_queue_and_delivered_again(
    start: Start, device: Client, sink: Sink, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MQTT_LIMITS = True
    monkeypatch.setattr(intake, "MAX_QUEUED", 40)
    fenced(start())
    sink.open.clear()
    send(device, *numbers(0, 100))
    eventually(lambda: counts["shed"] > 0)
    sink.open.set()
    eventually(lambda: {int(payload) for payload in sink.payloads} == set(range(100)), 45)


@pytest.mark.parametrize("parts", [1, 3])
def test_of_those_that_keep_their_pace_what_has_no_room_waits_and_comes_once(
    start: Start, device: Client, sink: Sink, settings: Settings, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """A press among it counts once there is room; of what the broker repeats none does."""
    settings.CONSUMERS, settings.BROKER_DIVIDES = parts, "share"
    monkeypatch.setattr(intake, "MAX_QUEUED", 5)
    consumer = start(range(parts))
    eventually(lambda: all(link.came_after for link in consumer._links.values()))
    sink.open.clear()
    send(device, *numbers(0, 15))
    eventually(lambda: any(link.is_held_up for link in consumer._links.values()))
    assert consumer.is_subscribed()
    sink.open.set()
    eventually(lambda: len(sink.payloads) >= 15, 5)
    assert sorted(map(int, sink.payloads)) == [*range(15)]
    assert all(message.came_after and not message.repeated for batch in sink.batches for message in batch)
    assert (counts["shed"], consumer._connection) == (0, 1)
    eventually(lambda: not any(link.is_held_up for link in consumer._links.values()))


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


def test_after_the_first_fence_a_press_of_many_within_their_pace_waits_for_room(unstarted: Consumer) -> None:
    link = unstarted._links[0]
    link.came_after = timezone.now()
    held_up = deliver(unstarted, 0, 30)
    assert (len(held_up), counts["shed"], link.is_held_up) == (6, 0, True)
    unstarted._take()
    assert unstarted.take_in(link, held_up) == []
    assert not link.is_held_up


def test_a_fence_needs_no_room(unstarted: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what no broker repeats would wait behind it, and not be told as lost."""
    link = unstarted._links[0]
    read: list[bytes] = []
    monkeypatch.setattr(unstarted._fences, "read", read.append)
    deliver(unstarted, 0, 30, qos=0)
    fence = Delivery(0x32, b"handover/fence", 7, b"after")
    assert unstarted.take_in(link, [fence]) == []
    assert read == [b"after"]
    assert deliver(unstarted, 0, 1)
    assert unstarted.take_in(link, [*deliver(unstarted, 0, 1), fence])[1:] == [fence]


def test_what_no_broker_repeats_is_not_held_up(unstarted: Consumer) -> None:
    held_up = deliver(unstarted, 0, 20)
    assert len(held_up) == 12
    link = unstarted._links[0]
    sent = [*held_up, Delivery(0x30, TOPIC.encode(), 0, b"never again")]
    assert unstarted.take_in(link, sent) == held_up
    assert unstarted._take()[-1].message.payload == b"never again"
    assert link.waiting == 0


def test_what_was_left_out_is_repeated_once_there_is_room_whatever_waits_of_other_parts(
    unstarted: Consumer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MQTT_LIMITS = True
    monkeypatch.setattr(intake, "MAX_QUEUED", 40)
    again: list[int] = []
    for link in unstarted._links.values():
        monkeypatch.setattr(link, "reconnect", lambda part=link.part: again.append(part))
    for part in (0, 1):
        unstarted._links[part].came_after = timezone.now()
    deliver(unstarted, 0, 100)
    unstarted._take()
    deliver(unstarted, 1, 30)
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
