"""How RabbitMQ divides what devices report: an exchange takes each to the queue of one part's session, by a hash of its
topic, so that those of a device are in one queue and in order (docs/decisions/0054-several-consumers.md).

The exchange is in docker/rabbitmq/definitions.json. Whether reports go through it, and to which queues, is set here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amqp.exceptions import NotFound
from django.conf import settings

from devices.broker import kept, sessions
from devices.broker.amqp_thread import build_connection, name_queue
from devices.broker.rabbitmq import DIVIDED, EXCHANGE
from devices.mqtt import parts

if TYPE_CHECKING:
    from amqp import Connection

    from devices.broker.kept import Store

log = logging.getLogger(__name__)

KEYS = ("devices.*.state", "losant.*.state")
WEIGHT = "1"
"""The binding key of each queue: all have as many devices."""


def route(connection: Connection) -> bool:
    """Have devices' reports routed to the queues of all parts, once all are there, also where the broker has lost what
    it knew; return whether they are. Repeated it changes nothing.

    With fewer queues the exchange would divide devices otherwise. They are bound in the order in which RabbitMQ (3.10)
    binds them when it starts anew: it divides by that order.
    """
    queues = sorted(map(name_queue, parts.list_sessions(parts.count_parts())))
    with connection.channel() as channel:
        try:
            for queue in queues:
                channel.queue_declare(queue, passive=True)
        except NotFound:
            return False
    with connection.channel() as channel:
        for queue in queues:
            channel.queue_bind(queue, DIVIDED, WEIGHT)
    _lead_through_exchange(connection, wanted=True)
    return True


def divide(former: int, store: Store) -> None:
    """Have reports divided into as many parts as are wanted, which were `former`: what waits for those is stored
    first, so that it comes before what is routed anew (`route`). What comes meanwhile is kept as unrouted.

    Repeated, after a failure too, it goes on where it was. Raises OSError and amqp.AMQPError.
    """
    if not settings.BROKER_AMQP_URL:
        return
    count = parts.count_parts()
    log.warning("reports are divided into %d parts from now on, and were into %d", count, former)
    with build_connection() as connection:
        _lead_through_exchange(connection, wanted=False)
        for part in range(former):
            _end_session(connection, part, former, store)


def _lead_through_exchange(connection: Connection, *, wanted: bool) -> None:
    """Lead devices' reports through the exchange, or past it."""
    with connection.channel() as channel:
        for key in KEYS:
            (channel.exchange_bind if wanted else channel.exchange_unbind)(DIVIDED, EXCHANGE, key)


def _end_session(connection: Connection, part: int, count: int, store: Store) -> None:
    """Store what waits for the session of one of so many parts, and delete its queue, so that it gets nothing more."""
    queue = name_queue(parts.name_session(settings.MQTT_CLIENT_ID, part, count))
    try:
        with connection.channel() as channel:
            channel.auto_decode = False
            for key in KEYS:
                channel.queue_unbind(queue, EXCHANGE, key)
            while kept.bring(channel, queue, store):
                pass
            channel.queue_delete(queue, if_empty=True)
    except NotFound:
        pass
    sessions.forget_session(part, count)
