"""Reports that a queue of RabbitMQ's keeps, brought to the consumer by another way than its session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.mqtt.consumer import Unrouted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqp import Channel, Message

    Store = Callable[[Sequence[Unrouted]], bool]

MOST = 400
"""Taken at once."""


def bring(channel: Channel, queue: str, store: Store) -> int:
    """Bring some of a queue's reports, MOST at most, and acknowledge them once they are stored; return how many.

    It is 0 where they were not stored. Raises amqp.NotFound where there is no such queue.
    """
    taken: list[Message] = []
    while len(taken) < MOST and (message := channel.basic_get(queue)) is not None:
        taken.append(message)
    if not taken or not store([_build_report(message) for message in taken]):
        return 0
    channel.basic_ack(taken[-1].delivery_tag, multiple=True)
    return len(taken)


def _build_report(message: Message) -> Unrouted:
    topic = message.delivery_info["routing_key"].replace(".", "/")
    return Unrouted(topic, bytes(message.body), message.delivery_info["redelivered"])
