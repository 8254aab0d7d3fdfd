"""What the consumer has taken from the broker and not stored yet, in the order in which it is to be stored.

Messages of devices that keep their pace come first. Of those that work off a backlog each batch takes a few, from one
device after the other, so that nobody waits for one that sends too much. Presses are put first, while they are few.
Each of the two has room of its own, so that nobody's message is left out for want of what others take up.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from devices.mqtt.limits import Bans, Debts, Pace
from devices.mqtt.messages import counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devices.mqtt.messages import Message

MAX_BATCH = 2_000
FEWEST_LATE, MOST_LATE = 50, 400  # of those that work off a backlog, in a batch
BATCH_SECONDS = 0.05  # that a batch with such may take
MAX_QUEUED, MAX_QUEUED_BYTES = 20_000, 64 << 20  # of either
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


@dataclass
class Room:
    """What is taken up of one."""

    messages: int = 0
    octets: int = 0

    def is_full(self) -> bool:
        return self.messages >= MAX_QUEUED or self.octets >= MAX_QUEUED_BYTES

    def enter(self, arrival: Arrival) -> None:
        self.messages += 1
        self.octets += len(arrival.message.payload)

    def leave(self, arrivals: Sequence[Arrival]) -> None:
        self.messages -= len(arrivals)
        self.octets -= sum(len(arrival.message.payload) for arrival in arrivals)


class Intake:
    """One thread puts and judges, another takes; whoever calls holds the lock."""

    def __init__(self) -> None:
        self._prompt: deque[Arrival] = deque()
        self._late: dict[str, deque[Arrival]] = {}
        self._rooms = {Pace.WITHIN: Room(), Pace.BEHIND: Room()}
        self._share = FEWEST_LATE
        self._debts = Debts()
        self._bans = Bans()
        self._limited: dict[str, Limited] = {}

    def __len__(self) -> int:
        return sum(room.messages for room in self._rooms.values())

    def is_full(self, pace: Pace) -> bool:
        return self._rooms[pace].is_full()

    def put(self, arrival: Arrival, pace: Pace) -> None:
        late = pace is Pace.BEHIND
        lane = self._late.setdefault(arrival.message.device_id, deque()) if late else self._prompt
        lane.append(arrival)
        self._rooms[pace].enter(arrival)

    def take(self) -> list[Arrival]:
        """Return the next batch; empty if there is nothing."""
        prompt = [self._prompt.popleft() for _ in range(min(len(self._prompt), MAX_BATCH))]
        late = self._take_late()
        self._rooms[Pace.WITHIN].leave(prompt)
        self._rooms[Pace.BEHIND].leave(late)
        return prompt + late

    def _take_late(self) -> list[Arrival]:
        taken: list[Arrival] = []
        while self._late and len(taken) < self._share:
            device_id = next(iter(self._late))
            waiting = self._late.pop(device_id)
            taken.append(waiting.popleft())
            if waiting:
                self._late[device_id] = waiting  # behind the others
        return taken

    def took(self, seconds: float) -> None:
        """Let as many come late to the next batch as keep it short: everybody else waits for it."""
        if self._late:
            fitting = int(self._share * min(BATCH_SECONDS / max(seconds, 0.001), 2))
            self._share = min(max(fitting, FEWEST_LATE), MOST_LATE)

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
