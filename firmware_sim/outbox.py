"""Reports that wait for their acknowledgement, and the pace at which they may leave."""

from __future__ import annotations

from collections import deque

WINDOW = 10


class Outbox:
    """Oldest first; a report leaves only when the broker acknowledged it."""

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
        """The next report to send, if one waits and the window has room."""
        if self._waiting and len(self._in_flight) < WINDOW:
            return self._waiting[0]
        return None

    def sending(self, mid: int) -> None:
        """The report that peek() gave is on the wire as message `mid`."""
        self._in_flight[mid] = self._waiting.popleft()

    def acknowledged(self, mid: int) -> bool:
        if self._in_flight.pop(mid, None) is None:
            return False
        self.sent += 1
        return True

    def connection_lost(self) -> None:
        """What was not acknowledged goes back to the front, in its order."""
        self._waiting.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()


class Pacer:
    """Keeps a topic under 30 messages in 15 s: 25 for reports, the rest for presses.

    Reports are spaced evenly, so that a network that bunches them up does not break the limit.
    """

    PERIOD = 15.0
    REPORT_SPACING = 0.6
    PRESSES = 4

    def __init__(self) -> None:
        self._last_report = float("-inf")
        self._presses: deque[float] = deque(maxlen=self.PRESSES)

    def report_delay(self, now: float) -> float:
        """Seconds until the next report may leave."""
        return max(0.0, self._last_report + self.REPORT_SPACING - now)

    def report_sent(self, now: float) -> None:
        self._last_report = now

    def press_delay(self, now: float) -> float:
        if len(self._presses) < self.PRESSES:
            return 0.0
        return max(0.0, self._presses[0] + self.PERIOD - now)

    def press_sent(self, now: float) -> None:
        self._presses.append(now)
