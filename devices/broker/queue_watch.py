"""Whether the broker has the consumer's queue, asked of the broker itself over AMQP.

RabbitMQ acknowledges a report that no queue wants, and drops it. Before the consumer's first subscription, with a new
volume, after the session expired, or under another client id there is no such queue: no device may be let in.
One connection stands for one run of one broker: when it ends, nothing is known until the next one has asked.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import amqp
from amqp.exceptions import NotFound, ResourceLocked
from django.conf import settings

from devices.mqtt import client

if TYPE_CHECKING:
    from amqp import Connection

log = logging.getLogger(__name__)

EVERY = 1.0
WITHIN = 5.0
ENOUGH = 2
"""Looks in a row that found it: it is bound to its topics a moment after it was made."""


class State(Enum):
    UNKNOWN = "unknown"
    MISSING = "missing"
    THERE = "there"
    UNWATCHED = "unwatched"
    """Nobody said where to ask."""


def queue_name() -> str:
    return f"mqtt-subscription-{settings.MQTT_CLIENT_ID}qos1"


class QueueWatch:
    def __init__(self) -> None:
        self.state = State.UNKNOWN if settings.BROKER_AMQP_URL else State.UNWATCHED
        self._told = self.state
        self._stopping = threading.Event()

    def start(self) -> None:
        if self.state is not State.UNWATCHED:
            threading.Thread(target=self._run, name="queue", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            connection = _connection()
            try:
                connection.connect()
                self._look(connection)
            except (OSError, amqp.exceptions.AMQPError) as error:
                self._is(State.UNKNOWN, str(error))
            with suppress(OSError, amqp.exceptions.AMQPError):
                connection.collect()
            self._stopping.wait(EVERY)

    def _look(self, connection: Connection) -> None:
        found = 0
        while not self._stopping.is_set():
            found = found + 1 if _has(connection) else 0
            self._is(State.THERE if found >= ENOUGH else State.UNKNOWN if found else State.MISSING)
            self._stopping.wait(EVERY)

    def _is(self, state: State, why: str = "") -> None:
        self.state = state
        if state not in (self._told, State.UNKNOWN) or (why and self._told is not State.UNKNOWN):
            self._told = state
            log.warning("the consumer's queue %s is %s%s", queue_name(), state.value, f": {why}" if why else "")


def _connection() -> Connection:
    at, own = urlsplit(settings.BROKER_AMQP_URL), client.address(settings.MQTT_URL)
    options: dict[str, Any] = {"connect_timeout": WITHIN, "read_timeout": WITHIN, "write_timeout": WITHIN}
    host = f"{at.hostname}:{at.port or (5671 if at.scheme == 'amqps' else 5672)}"
    if at.scheme == "amqps":
        options["ssl"] = {"ca_certs": settings.MQTT_CA or None}
    return amqp.Connection(host, userid=own.username, password=own.password, **options)


def _has(connection: Connection) -> bool:
    with connection.channel() as channel:  # for one that the broker closes amqp opens another: it is closed, too
        try:
            channel.queue_declare(queue_name(), passive=True)
        except NotFound:
            return False
        except ResourceLocked:  # it is somebody's alone: so it is there
            return True
    return True
