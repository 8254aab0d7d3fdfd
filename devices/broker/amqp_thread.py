"""A thread that asks RabbitMQ over AMQP, under the site's account, again and again.

One connection stands for one run of one broker: when it ends, nothing is known until the next one has asked.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import amqp
from amqp.exceptions import NotFound, ResourceLocked
from django.conf import settings

from devices.mqtt import client, parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqp import Connection

EVERY = 1.0
WITHIN = 5.0


def queue_name(part: int = 0) -> str:
    """Return the name that RabbitMQ gives to the queue of the consumer's session, of one part."""
    return name_queue(parts.name_session(settings.MQTT_CLIENT_ID, part, parts.count_parts()))


def name_queue(client_id: str) -> str:
    return f"mqtt-subscription-{client_id}qos1"


class AmqpThread(ABC):
    """Look at the broker each second, over a connection that is made anew when it ends."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._told_last = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        if settings.BROKER_AMQP_URL:
            self._thread.start()

    def stop(self, within: float = WITHIN) -> None:
        """Have it end, and wait for that."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(within)

    def _tell(self, what: str) -> None:
        """Log it once; nothing, when it is over."""
        if what and what != self._told_last:
            logging.getLogger(type(self).__module__).warning("%s", what)
        self._told_last = what

    @abstractmethod
    def look(self, connection: Connection) -> None: ...

    @abstractmethod
    def lose(self, why: str) -> None:
        """Take note that the broker can't be asked, or that the connection ended."""

    def _run(self) -> None:
        while not self._stopping.is_set():
            connection = build_connection()
            try:
                connection.connect()
                while not self._stopping.is_set():
                    self.look(connection)
                    self._stopping.wait(EVERY)
            except (OSError, amqp.exceptions.AMQPError) as error:
                self.lose(str(error))
            with suppress(OSError, amqp.exceptions.AMQPError):
                connection.collect()
            self._stopping.wait(EVERY)


def has_queue(connection: Connection) -> bool:
    """Return whether the broker has the queue of the consumer's session, or those of all parts."""
    return not find_missing(connection, range(parts.count_parts()))


def find_missing(connection: Connection, numbers: Iterable[int]) -> set[int]:
    """Return those of the parts whose sessions have no queue at the broker."""
    missing, waiting = set(), sorted(numbers)
    while waiting:
        with connection.channel() as channel:  # for one that the broker closes amqp opens another: it is closed, too
            try:
                while waiting:
                    part = waiting.pop()
                    channel.queue_declare(queue_name(part), passive=True)
            except NotFound:
                missing.add(part)
            except ResourceLocked:  # it is somebody's alone: so it is there
                pass
    return missing


def build_connection() -> Connection:
    address, site = urlsplit(settings.BROKER_AMQP_URL), client.parse_address(settings.MQTT_URL)
    options: dict[str, Any] = {"connect_timeout": WITHIN, "read_timeout": WITHIN, "write_timeout": WITHIN}
    host = f"{address.hostname}:{address.port or (5671 if address.scheme == 'amqps' else 5672)}"
    if address.scheme == "amqps":
        # Whose certificate it is is only looked at if one says whose it has to be.
        options["ssl"] = {"ca_certs": settings.MQTT_CA or None, "server_hostname": address.hostname}
    return amqp.Connection(host, userid=site.username, password=site.password, **options)
