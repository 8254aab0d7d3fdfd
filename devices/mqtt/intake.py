"""What the consumer has taken from the broker and not stored yet, in the order in which it is to be stored.

Two lanes: messages of devices that keep their pace, and those of devices that work off a backlog, of which each batch
takes a few. So nobody waits for one that sends too much. Presses stay in the first lane, as long as they are few.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from devices.mqtt.limits import Bans, Debts, Pace
from devices.mqtt.messages import counts

if TYPE_CHECKING:
    from devices.mqtt.messages import Message

MAX_BATCH = 2_000
LATE_SHARE = 200
MAX_QUEUED, MAX_QUEUED_BYTES = 20_000, 64 << 20
PRESS = re.compile(rb'"registerButton"\s*:\s*(?:true|[1-9])')


class Arrival(NamedTuple):
    connection: int
    mid: int
    qos: int
    topic: str
    message: Message


class Limited(NamedTuple):
    """What is to be told of a device: the seconds of the ban that began, if one did, and what was dropped since."""

    seconds: float | None
    dropped: int


class Intake:
    """One thread puts and judges, another takes; whoever calls holds the lock."""

    def __init__(self) -> None:
        self._lanes: tuple[deque[Arrival], deque[Arrival]] = (deque(), deque())
        self._bytes = 0
        self._debts = Debts()
        self._bans = Bans()
        self._limited: dict[str, Limited] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lanes))

    def is_full(self) -> bool:
        return len(self) >= MAX_QUEUED or self._bytes >= MAX_QUEUED_BYTES

    def put(self, arrival: Arrival, pace: Pace) -> None:
        self._lanes[pace is Pace.BEHIND].append(arrival)
        self._bytes += len(arrival.message.payload)

    def take(self) -> list[Arrival]:
        """Return the next batch; empty if there is nothing."""
        prompt, late = self._lanes
        batch = [prompt.popleft() for _ in range(min(len(prompt), MAX_BATCH))]
        batch += [late.popleft() for _ in range(min(len(late), LATE_SHARE))]
        self._bytes -= sum(len(arrival.message.payload) for arrival in batch)
        return batch

    def judge(self, message: Message, topic: str, now: float) -> Pace:
        """Count a message; one that is beyond every limit shuts its device out, and whatever it sends meanwhile."""
        device_id = message.device_id
        if message.repeated:
            return Pace.BEHIND  # it was counted when it came first
        if self._bans.holds(device_id, now):
            self._drop(device_id, None)
            return Pace.BEYOND
        pace = self._debts.add(topic, now)
        if pace is Pace.BEYOND:
            self._drop(device_id, self._bans.begin(device_id, now))
        elif pace is Pace.BEHIND and PRESS.search(message.payload):
            return self._debts.add(f"press {device_id}", now)
        return pace

    def _drop(self, device_id: str, seconds: float | None) -> None:
        counts["limited"] += 1
        before = self._limited.get(device_id, Limited(None, 0))
        self._limited[device_id] = Limited(seconds or before.seconds, before.dropped + 1)

    def limited(self) -> dict[str, Limited]:
        """Return what has to be told since the last call."""
        told, self._limited = self._limited, {}
        return told

    def not_told(self, limited: dict[str, Limited]) -> None:
        """Take back what could not be told."""
        for device_id, (seconds, dropped) in limited.items():
            later = self._limited.get(device_id, Limited(None, 0))
            self._limited[device_id] = Limited(later.seconds or seconds, later.dropped + dropped)
