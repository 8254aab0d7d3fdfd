"""What the consumer has taken from the broker and not stored yet, in the order in which it is to be stored.

Messages of devices that keep their pace come first. Of those that work off a backlog each batch takes a few, from one
device after the other, so that nobody waits for one that sends too much. Presses and signed answers are put first,
while they are few.
Each of the two has room of its own, so that nobody's message is left out for want of what others take up.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from devices.mqtt.limits import Bans, Debts, Pace
from devices.mqtt.messages import counts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Semaphore

    from devices.mqtt.link import Link
    from devices.mqtt.messages import Message

# Of those that keep their pace, in a batch: as many as take FULL_SECONDS. What is written for a device is written once.
FEWEST, MAX_BATCH = 500, 10_000
FULL_SECONDS = 0.4
FEW = 50  # presses and signed answers that make a batch of their own
FEWEST_LATE, MOST_LATE = 50, 400  # of those that work off a backlog, in a batch
BATCH_SECONDS = 0.03  # that a batch with such may take
FLOOD, MEASURED_SECONDS = 2_000, 0.05  # so many late ones a second are a flood
FEWEST_PUT_OFF, MOST_PUT_OFF = 1_000, 16_000  # in which late ones wait, if so many do
PUT_OFF_SECONDS = 0.25
ENOUGH = 250  # of those that keep their pace: a batch of so many costs hardly less a message if it grows
GATHER_SECONDS = 0.05  # for which fewer may grow, and so far apart are batches of a few
STEP_SECONDS = 0.004  # beyond which the first after a rest wait for no more
MAX_QUEUED, MAX_QUEUED_BYTES = 20_000, 64 << 20  # of either
ROOMS = (Pace.WITHIN, Pace.BEHIND)
MARKS = (b"registerButton", b"presenceAnswer")
PRESS = re.compile(rb'"(?:registerButton"\s*:\s*(?:true|[1-9])|presenceAnswer"\s*:)')


def is_press(payload: bytes) -> bool:
    """Return whether it looks like a press or a signed answer."""
    return any(mark in payload for mark in MARKS) and PRESS.search(payload) is not None


def count_most(others: Sequence[int]) -> int:
    """Return how many messages may wait of one session, of which the broker gives out what lay there, where so many
    wait of each of the others: all together no more than half of what there is room for, so that what devices send
    now finds room beside it, whatever the broker would give out of each.

    Half of that is divided among them, so that each goes on; of the rest it has what the others leave.
    """
    most = MAX_QUEUED // 2
    share = max(most // (2 * (len(others) + 1)), 1)
    return max(share, most - share * len(others) - sum(others))


class Arrival(NamedTuple):
    connection: int
    mid: int
    qos: int
    topic: str
    message: Message
    stored: Semaphore | None = None  # told once it is durable, of what did not come by the connection
    link: Link | None = None


class Limited(NamedTuple):
    """Hold what is to be told of a device: the seconds of the ban that began, if one did, what was dropped since, and
    what was lost for want of room, since its sender asked for no acknowledgement."""

    seconds: float | None
    dropped: int
    lost: int = 0


@dataclass
class Room:
    """Count what is taken up of one room."""

    messages: int = 0
    octets: int = 0

    def is_full(self) -> bool:
        return self.messages >= MAX_QUEUED or self.octets >= MAX_QUEUED_BYTES

    def is_half_empty(self) -> bool:
        return self.messages <= MAX_QUEUED / 2 and self.octets <= MAX_QUEUED_BYTES / 2

    def enter(self, arrival: Arrival) -> None:
        self.messages += 1
        self.octets += len(arrival.message.payload)

    def leave(self, arrivals: Sequence[Arrival]) -> None:
        self.messages -= len(arrivals)
        self.octets -= sum(len(arrival.message.payload) for arrival in arrivals)


class Intake:
    """Hold what was taken from the broker and is not stored yet. One thread puts and judges, another takes; whoever
    calls holds the lock."""

    def __init__(self) -> None:
        self._first: deque[Arrival] = deque()
        self._was_first = False
        self._most = FEWEST
        self._prompt: deque[Arrival] = deque()
        self._late: dict[str, deque[Arrival]] = {}
        self._rooms = {pace: Room() for pace in ROOMS}
        self._share = FEWEST_LATE
        self._late_at = self._measured_at = -math.inf
        self._came, self._rate = 0, 0.0  # late ones since, and a second
        self._puts_off = False
        self.gathers = False  # nobody has to look at once, but for a press, or where there are enough
        self._debts = Debts()
        self._bans = Bans()
        self._limited: dict[str, Limited] = {}

    def __len__(self) -> int:
        return sum(room.messages for room in self._rooms.values())

    def is_full(self, pace: Pace) -> bool:
        return self._rooms[pace].is_full()

    def is_half_empty(self) -> bool:
        """Return whether half of either room is free, at least."""
        return all(room.is_half_empty() for room in self._rooms.values())

    def put(self, arrival: Arrival, pace: Pace) -> bool:
        """Take it in; return whether somebody should look at once."""
        late = pace is Pace.BEHIND
        if late:
            self._late.setdefault(arrival.message.device_id, deque()).append(arrival)
        elif is_press(arrival.message.payload):
            self._first.append(arrival)
        else:
            self._prompt.append(arrival)
        self._came += late
        self._rooms[pace].enter(arrival)
        if self.gathers:
            return bool(self._first) or len(self._prompt) >= ENOUGH
        return not (late and self._puts_off)

    def may_grow(self) -> bool:
        """Return whether so few are due that storing costs more of each than it would of more; a press never waits."""
        few_late = self._puts_off or self._rooms[Pace.BEHIND].messages < FEWEST_LATE
        return not self._first and 0 < len(self._prompt) < ENOUGH and few_late

    def measure(self, now: float) -> None:
        """Decide whether late ones are put off: while a flood comes, everybody's messages wait behind it, and storing
        takes from the time in which it is received. Fewer may be all that a broker gives out unacknowledged."""
        if now > self._measured_at + MEASURED_SECONDS:
            self._rate, self._came = self._came / (now - self._measured_at), 0
            self._measured_at = now
        room = self._rooms[Pace.BEHIND]
        fits = FEWEST_PUT_OFF <= room.messages < MOST_PUT_OFF and room.octets < MAX_QUEUED_BYTES / 2
        self._puts_off = self._rate > FLOOD and fits

    def has_due(self, now: float) -> bool:
        return bool(self._first or self._prompt or (self._late and self._is_late_due(now)))

    def take(self, now: float) -> list[Arrival]:
        """Return the next batch; empty if nothing is due.

        Presses come first, a few of them in a batch of their own where many others wait, so that none waits while their
        values are written; after such a one it is the others' turn.
        """
        first = [self._first.popleft() for _ in range(min(len(self._first), FEW))]
        self._was_first = bool(first) and len(self._prompt) > FEW and not self._was_first
        if self._was_first:
            self._rooms[Pace.WITHIN].leave(first)
            return first
        prompt = first + [self._prompt.popleft() for _ in range(min(len(self._prompt), self._most))]
        late: list[Arrival] = []
        if self._late and self._is_late_due(now):
            self._late_at = now
            late = self._take_late(FEWEST_LATE if self._puts_off else self._share)
        self._rooms[Pace.WITHIN].leave(prompt)
        self._rooms[Pace.BEHIND].leave(late)
        return prompt + late

    def _is_late_due(self, now: float) -> bool:
        return not self._puts_off or now > self._late_at + PUT_OFF_SECONDS

    def _take_late(self, share: int) -> list[Arrival]:
        taken: list[Arrival] = []
        while self._late and len(taken) < share:
            device_id = next(iter(self._late))
            waiting = self._late.pop(device_id)
            taken.append(waiting.popleft())
            if waiting:
                self._late[device_id] = waiting  # behind the others
        return taken

    def adapt(self, taken: int, seconds: float) -> None:
        """Let a batch have as many as keep it short: a press that comes meanwhile waits for it."""
        if taken >= self._most:
            self._most = min(max(int(self._most * min(FULL_SECONDS / max(seconds, 0.001), 2)), FEWEST), MAX_BATCH)
        self._adapt_share(seconds)

    def _adapt_share(self, seconds: float) -> None:
        """Let as many come late to the next batch as keep it short: everybody else waits for it."""
        if self._late:
            fitting = int(self._share * min(BATCH_SECONDS / max(seconds, 0.001), 2))
            self._share = min(max(fitting, FEWEST_LATE), MOST_LATE)

    def drop(self, device_id: str, now: float) -> bool:
        """Count a message of a device that is shut out; False if it is not."""
        if not self._bans.holds(device_id, now):
            return False
        self._drop(device_id, None)
        self._came += 1
        return True

    def judge(self, message: Message, topic: str, now: float) -> Pace:
        """Count a message; one that is beyond every limit shuts its device out."""
        device_id = message.device_id
        if message.repeated:
            return Pace.BEHIND  # it was counted when it came first
        pace = self._debts.add(topic, now)
        if pace is Pace.BEYOND:
            self._drop(device_id, self._bans.begin(device_id, now))
        elif pace is Pace.BEHIND and is_press(message.payload):
            return self._debts.add(f"press {device_id}", now)
        return pace

    def _drop(self, device_id: str, seconds: float | None) -> None:
        counts["limited"] += 1
        before = self._limited.get(device_id, Limited(None, 0))
        self._limited[device_id] = Limited(seconds or before.seconds, before.dropped + 1, before.lost)

    def lose(self, device_id: str) -> None:
        """Count a message that there is no room for, and that no broker repeats."""
        before = self._limited.get(device_id, Limited(None, 0))
        self._limited[device_id] = before._replace(lost=before.lost + 1)

    def take_limited(self) -> dict[str, Limited]:
        """Return what has to be told since the last call."""
        told, self._limited = self._limited, {}
        return told

    def put_back_limited(self, limited: dict[str, Limited]) -> None:
        """Take back what could not be told."""
        for device_id, (seconds, dropped, lost) in limited.items():
            later = self._limited.get(device_id, Limited(None, 0))
            self._limited[device_id] = Limited(later.seconds or seconds, later.dropped + dropped, later.lost + lost)
