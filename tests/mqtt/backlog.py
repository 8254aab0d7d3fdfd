"""What a consumer may believe of messages that waited, on any broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.utils import timezone

from devices.mqtt.consumer import Consumer
from tests.mqtt.processes import eventually

if TYPE_CHECKING:
    from devices.mqtt.messages import Message
    from tests.mqtt.gateway import Gateway


def fenced(consumer: Consumer) -> None:
    """Until it has passed a fence that was sent after this call."""
    began = time.monotonic()
    eventually(lambda: time.monotonic() - consumer.measure_lag() > began)


def nothing_is_known_of_a_backlog(device: Gateway, topic: str, client_id: str, count: int, *, early: bool) -> None:
    """Half of it was delivered before, and not acknowledged; what comes after it is known to.

    `early` says that the broker acknowledges what no consumer has yet acknowledged.
    """
    held = _consume(client_id, fails=True)
    fenced(held[0])
    _send(device, topic, range(count // 2), early=early)
    eventually(lambda: held[0].measure_lag() < 1)
    held[0].stop(0.5)
    _send(device, topic, range(count // 2, count), early=early)
    came = timezone.now()
    consumer, stored = _consume(client_id)
    try:
        eventually(lambda: len({message.payload for message in stored}) == count)
        assert [m for m in stored if m.came_after and m.came_after > came and not m.repeated] == []
        fenced(consumer)
        assert device.publish(topic, "now")
        eventually(lambda: stored[-1].payload == b"now")
        assert stored[-1].came_after is not None
        assert came < stored[-1].came_after < timezone.now()
    finally:
        consumer.stop()


def _send(device: Gateway, topic: str, numbers: range, *, early: bool) -> None:
    """Returns when the broker has them: it says so, or else has answered what was sent after so few."""
    sent = [device.client.publish(topic, str(number), qos=1) for number in numbers]
    assert device.subscribe(topic.replace("/state", "/command")) == "Granted QoS 1"
    if early:
        eventually(lambda: all(each.is_published() for each in sent))


def _consume(client_id: str, *, fails: bool = False) -> tuple[Consumer, list[Message]]:
    stored: list[Message] = []

    def fail(_: object) -> None:
        raise ConnectionError

    handle = fail if fails else stored.extend
    consumer = Consumer(handle, client_id=client_id, clock=timezone.now, temporary=(ConnectionError,))
    consumer.start()
    eventually(consumer.is_subscribed)
    return consumer, stored
