"""Ends the connections of devices that may connect no longer, on brokers that ask nothing of one that goes on.

RabbitMQ keeps in mind what a connection may do until it has been idle for some seconds (3.10.8: a device that publishes
five times a second goes on for ever with a credential that was revoked), and asks nothing of one that only listens. So
the site connects under the device's client id, which makes the broker end the former connection (MQTT 3.1.1,
[MQTT-3.1.4-2]), and leaves again; the session, and what waits in it, stay the device's. A gateway
that speaks for a device no longer is ended so, too, and its session's subscriptions to the device's commands with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from devices.models import Connection, Credential, CredentialUse, Device, Tie
from devices.models.credential import NOTED_EVERY
from devices.mqtt import client, topics

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY = 1.0
BELIEVED = 6.0
"""Seconds, at least, for which a broker and a gate may let somebody in by an answer of before."""
TOLD_APART = NOTED_EVERY + timedelta(seconds=BELIEVED)
"""A connect is noted unless one was shortly before, and one that nobody asks about comes as shortly after: so the
connection is of the credential that was used last, by so much."""
UNSEEN = timedelta(seconds=30)
"""A transaction's own time is when it began; what it did is seen when it commits."""
AWAY = timedelta(hours=1)
"""For which it makes up when it starts: the site may have gone on without it."""
WITHIN = 5.0


class Ending(NamedTuple):
    """Record that a device's credential, or its leave to connect, ended. `is_over`: it connected with a later one.

    Or that it speaks no longer for another one: `spoke_for` is the device ID of that.
    """

    device_id: str
    at: datetime
    is_over: bool
    spoke_for: str = ""


def find_endings(since: datetime, now: datetime) -> set[Ending]:
    """Return what ended after `since`, of devices that ever connected, and who is shut out at present.

    Left out is what a rotation ended, by its successor's use or by its own time, if the connection is of another one.
    """
    ended = Q(revoked_at__gt=since) | Q(revoked_at=None, expires_at__gt=since, expires_at__lte=now)
    rotated = Q(revoked_at=None) | Q(superseded_by__use__isnull=False)
    later = CredentialUse.objects.filter(
        credential__in=Credential.objects.standing().filter(device=OuterRef(OuterRef("device"))),
        last_at__gt=OuterRef("use__last_at") + TOLD_APART,
    )
    known = Credential.objects.filter(ended, use__isnull=False)
    credentials = known.exclude(rotated & Exists(later)).values_list(
        "device__device_id", "revoked_at", "expires_at", "superseded_by__use__first_at"
    )
    endings = {Ending(device, revoked or ends or now, used is not None) for device, revoked, ends, used in credentials}
    used = CredentialUse.objects.filter(credential__device=OuterRef("pk"))
    locked = Device.objects.filter(Exists(used), locked_at__gt=since).values_list("device_id", "locked_at")
    shut_out = Connection.objects.filter(limited_until__gt=Now()).values_list("device__device_id", "limited_until")
    ties = Tie.objects.filter(Exists(CredentialUse.objects.filter(credential__device=OuterRef("gateway"))))
    untied = ties.filter(ended_at__gt=since).values_list("gateway__device_id", "ended_at", "device__device_id")
    endings |= {Ending(gateway, at, False, device) for gateway, at, device in untied if at}
    return endings | {Ending(device, at, False) for rows in (locked, shut_out) for device, at in rows if at}


class Closer:
    """End, looking each second, the connections of devices that may connect no longer.

    Each is ended at once, and again when nobody lets it in any more by an answer of before. What ended last comes
    first, so that nobody waits for a bulk action on many devices.
    """

    def __init__(self, clock: Callable[[], datetime], url: str = "") -> None:
        self._clock = clock
        self._url = url or settings.MQTT_URL
        self._looked_at: datetime | None = None
        self._known: set[Ending] = set()
        self._at_once: list[str] = []
        self._again: deque[tuple[float, str]] = deque()
        self._spoke_for: defaultdict[str, set[str]] = defaultdict(set)  # by device ID, until it was ended twice
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="closer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = WITHIN) -> None:
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(0 if self._at_once and not self._failing else EVERY):
            try:
                self._look()
                self._work()
                self._failing = False
            except (DatabaseError, OSError) as error:  # it goes on from there
                if not self._failing:
                    log.warning("connections of devices that may connect no longer go on: %s", error)
                self._failing = True
            finally:
                close_old_connections()
        connections.close_all()

    def _look(self) -> None:
        now = self._clock()
        endings = find_endings((self._looked_at or now - AWAY) - UNSEEN, now)
        new = endings - self._known
        for device_id, is_over in {ending.device_id: ending.is_over for ending in new}.items():
            self._again.append((time.monotonic() + BELIEVED, device_id))
            if not is_over:
                self._at_once.append(device_id)
        for ending in new:
            if ending.spoke_for:
                self._spoke_for[ending.device_id].add(ending.spoke_for)
        self._known, self._looked_at = endings, now

    def _work(self) -> None:
        """End connections until the next look."""
        until = time.monotonic() + EVERY
        while time.monotonic() < until and not self._stopping.is_set():
            if self._at_once:
                self._end(self._at_once[-1])
                self._at_once.pop()
            elif self._again and self._again[0][0] <= time.monotonic():
                _, device_id = self._again[0]
                self._end(device_id)
                self._again.popleft()
                if device_id not in {waiting for _, waiting in self._again}:
                    self._spoke_for.pop(device_id, None)
            else:
                return

    def _end(self, device_id: str) -> None:
        try:
            commands = [
                topics.build_topic(each, "command", root)
                for each in sorted(self._spoke_for.get(device_id, ()))
                for root in topics.ROOTS
            ]
            client.take_place(device_id, url=self._url, within=WITHIN, unsubscribe=commands)
        except PermissionError as refusal:  # again it would be the same
            log.warning("a connection goes on that should end: %s", refusal)
