"""Reports that wait for their acknowledgement, and the pace at which they may leave."""

from __future__ import annotations

from collections import deque

WINDOW = 10


class Outbox:
    """Keep reports, oldest first, until the broker acknowledged them."""

    def __init__(self, capacity: int = 17_280) -> None:
        self.capacity = capacity
        self.dropped = 0
        self.sent = 0
        self._waiting: deque[bytes] = deque()
        self._in_flight: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def add(self, report: bytes) -> None:
        self._waiting.append(report)
        while len(self) > self.capacity and self._waiting:
            self._waiting.popleft()
            self.dropped += 1

    def peek(self) -> bytes | None:
        """Return the next report to send, if one waits and the window has room."""
        if self._waiting and len(self._in_flight) < WINDOW:
            return self._waiting[0]
        return None

    def mark_sending(self, mid: int) -> None:
        """Mark the report that peek() gave as on the wire as message `mid`."""
        self._in_flight[mid] = self._waiting.popleft()

    def acknowledge(self, mid: int) -> bool:
        """Drop the report of message `mid`; return whether there was one."""
        if self._in_flight.pop(mid, None) is None:
            return False
        self.sent += 1
        return True

    def take_back(self) -> None:
        """Take what was not acknowledged back to the front, in its order."""
        self._waiting.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()


class Pacer:
    """Keep a topic under 30 messages in 15 s: 25 for reports, the rest for presses.

    Reports are spaced evenly, so that a network that bunches them up does not break the limit.
    """

    PERIOD = 15.0
    REPORT_SPACING = 0.6
    PRESSES = 4

    def __init__(self) -> None:
        self._last_report = float("-inf")
        self._presses: deque[float] = deque(maxlen=self.PRESSES)

    def report_delay(self, now: float) -> float:
        """Return the seconds until the next report may leave."""
        return max(0.0, self._last_report + self.REPORT_SPACING - now)

    def note_report(self, now: float) -> None:
        self._last_report = now

    def press_delay(self, now: float) -> float:
        if len(self._presses) < self.PRESSES:
            return 0.0
        return max(0.0, self._presses[0] + self.PERIOD - now)

    def note_press(self, now: float) -> None:
        self._presses.append(now)
