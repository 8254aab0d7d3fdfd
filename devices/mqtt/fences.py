"""Fences: the consumer's own messages to itself, by which it knows what came to the broker after which moment.

A broker delivers in the order of arrival, so whatever is delivered after a fence came after the moment that the fence
carries, however long it waited. Only fences of the present connection count: what the broker repeats after a
reconnection precedes the first of them. They have QoS 1, since a message of QoS 0 may overtake others, and a
connection of their own, since a broker that is short of memory stops reading from those that publish, and with the
fences the consumer's acknowledgements would wait.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from paho.mqtt.enums import MQTTErrorCode

from devices.mqtt import client, topics

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.1
MAX_WAITING = 50  # of fences that the broker has not acknowledged
ANSWERED_WITHIN = timedelta(seconds=1)


class Fence(NamedTuple):
    """Hold when a fence was sent: `at` by the clock that the consumer was given, `sent` by this machine's monotonic
    one."""

    at: datetime
    sent: float


class Fences:
    def __init__(self, client_id: str, url: str, clock: Callable[[], datetime], connection: Callable[[], int]) -> None:
        """Take in `connection` what numbers the consumer's connections; 0 while it is not subscribed."""
        self._clock = clock
        self._connection = connection
        self._secret = secrets.token_hex(16)
        self._stopping = threading.Event()
        self._failing = False
        self._origin = datetime.now(UTC) - measure_since_start()
        own = f"{client_id}-fences-{secrets.token_hex(4)}"  # one of several consumers'
        self._client = client.make_client(own, url=url, clean_session=True, most_queued=MAX_WAITING)
        self._thread = threading.Thread(target=self._send_for_ever, name="fences", daemon=True)

    def start(self) -> None:
        self._client.loop_start()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        self._stopping.set()
        self._thread.join(timeout)
        self._client.disconnect()
        self._client.loop_stop()

    def moment(self, since: timedelta) -> datetime:
        """Return what the clock shows at a time since this machine's start; it follows one that is put right."""
        return self._origin + since

    def read(self, payload: bytes) -> Fence | None:
        """Return the fence, if it is one of ours and of the present connection."""
        secret, _, rest = payload.decode(errors="replace").partition(" ")
        if secret != self._secret:
            return None
        connection, sent, at = rest.split(" ")
        return Fence(datetime.fromisoformat(at), float(sent)) if int(connection) == self._connection() else None

    def _send_for_ever(self) -> None:
        self._send(0)  # the time is wanted at once
        while not self._stopping.wait(EVERY_SECONDS):
            self._send(self._connection())

    def _set(self, origin: datetime) -> None:
        """Set the origin. Of an answer that came late the former one is nearer to the truth; a larger difference is a
        step."""
        if not timedelta() <= self._origin - origin < ANSWERED_WITHIN:
            self._origin = origin

    def _send(self, connection: int) -> None:
        sent = time.monotonic()
        try:
            at = self._clock()
            self._set(at - measure_since_start())
        except Exception as error:  # it may be any database's; whatever it is, no press counts meanwhile
            if not self._failing:
                log.warning("no press counts, for the clock is away: %s", error)
            self._failing = True
            return
        self._failing = False
        if not (connection and self._client.is_connected()):
            return
        text = f"{self._secret} {connection} {sent} {at.isoformat()}"
        if self._client.publish(topics.FENCE, text, qos=1).rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            log.debug("the broker does not acknowledge fences")


def measure_since_start() -> timedelta:
    """Return the time since this machine's start, which nobody sets."""
    return timedelta(microseconds=time.monotonic_ns() // 1000)
