"""Ends the connections of devices that may connect no longer, on brokers that ask nothing of one that goes on.

RabbitMQ keeps in mind what a connection may do until it has been idle for some seconds (3.10.8: a device that publishes
five times a second goes on for ever with a credential that was revoked), and asks nothing of one that only listens. So
the site connects under the device's client id, which makes the broker end the former connection (MQTT 3.1.1,
[MQTT-3.1.4-2]), and leaves again; the session, and what waits in it, stay the device's.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from devices.models import Connection, Credential, CredentialUse, Device
from devices.mqtt import client

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY = 1.0
BELIEVED = 6.0
"""Seconds, at least, for which a broker and a gate may let somebody in by an answer of before."""
LOOKED_BACK = timedelta(seconds=30)
"""A transaction's own time is when it began; it is seen when it commits."""
WITHIN = 5.0
AT_ONCE = 200
"""Connections ended between two looks."""


class Ending(NamedTuple):
    """Of what a device could connect with, or of its leave to. `is_over`: it has connected with what came instead."""

    device_id: str
    at: datetime
    is_over: bool


def endings(now: datetime) -> set[Ending]:
    """Return what ended lately, of devices that ever connected."""
    lately = now - LOOKED_BACK
    ended = Q(revoked_at__gt=lately) | Q(revoked_at=None, expires_at__gt=lately, expires_at__lte=now)
    credentials = Credential.objects.filter(ended, use__isnull=False).values_list(
        "device__device_id", "revoked_at", "expires_at", "superseded_by__use__first_at"
    )
    found = {Ending(device, revoked or ends or now, used is not None) for device, revoked, ends, used in credentials}
    used = CredentialUse.objects.filter(credential__device=OuterRef("pk"))
    locked = Device.objects.filter(Exists(used), locked_at__gt=lately).values_list("device_id", "locked_at")
    shut_out = Connection.objects.filter(limited_until__gt=Now()).values_list("device__device_id", "limited_until")
    return found | {Ending(device, at, False) for rows in (locked, shut_out) for device, at in rows if at}


class Closer:
    """Looks each second what has ended, and ends that device's connection: at once, and when nobody lets it in any more
    by an answer of before. What a former run of it did is done again."""

    def __init__(self, clock: Callable[[], datetime], url: str = "") -> None:
        self._clock = clock
        self._url = url or settings.MQTT_URL
        self._known: set[Ending] = set()
        self._due: dict[str, float] = {}
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="closer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = WITHIN) -> None:
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            try:
                self._look()
                self._failing = False
            except (DatabaseError, OSError) as error:  # it looks back when it can
                if not self._failing:
                    log.warning("connections of devices that may connect no longer go on: %s", error)
                self._failing = True
            finally:
                close_old_connections()
        connections.close_all()

    def _look(self) -> None:
        found, now = endings(self._clock()), time.monotonic()
        for ending in found - self._known:
            self._due[ending.device_id] = now + BELIEVED
            if not ending.is_over:
                self._end(ending.device_id)
            self._known.add(ending)
        self._known &= found
        for device_id in [each for each, at in self._due.items() if at <= now][:AT_ONCE]:
            self._end(device_id)
            del self._due[device_id]

    def _end(self, device_id: str) -> None:
        try:
            client.take_place(device_id, url=self._url, within=WITHIN)
        except PermissionError as refusal:  # again it would be the same
            log.warning("a connection goes on that should end: %s", refusal)
