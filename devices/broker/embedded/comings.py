"""Who came to the embedded broker and who left it and why, put down at once and written by whoever has time for it."""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from devices.connections import timeline
from lib.db.clock import read_now

if TYPE_CHECKING:
    from devices.broker.authorization import Identity

MOST = 100_000  # while the database is away


class Comings:
    def __init__(self) -> None:
        self._noted: deque[tuple[int, float, str]] = deque(maxlen=MOST)

    def note(self, identity: Identity, reason: str = "") -> None:
        """Put down that a device came, or with a reason that it left; nothing of the site's own connections."""
        if identity.device:
            self._noted.append((identity.device.pk, time.monotonic(), reason))

    def write(self) -> None:
        """Write what was put down, by the database's clock. What it raises, it raises again next time."""
        if not (noted := list(self._noted)):
            return
        now, here = read_now(), time.monotonic()
        timeline.record(
            [timeline.Change(device, now - timedelta(seconds=here - at), reason) for device, at, reason in noted]
        )
        for _ in noted:
            self._noted.popleft()
