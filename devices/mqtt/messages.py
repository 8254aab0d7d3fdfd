"""What the broker hands over, and what it says once it is understood."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from devices.models import Device

ANSWER = "presenceAnswer"
"""The name beside a report's attributes under which a device sends a signed answer: it is none of them."""

COMMAND_ANSWER = "commandAnswer"
"""The name, likewise, under which a device answers a command: `{"id", "status", "reason"?, "result"?}`."""

Value = float | str | bool

MAX_BYTES = 256 * 1024  # of a payload

counts: Counter[str] = Counter()
"""What became of the messages and values of this process; the consumer's heartbeat carries them."""


class Message(NamedTuple):
    """Hold what arrived on a state topic. `received_at` differs by a millisecond at least between two of a device.

    `came_after` is a moment of the database's clock after which it came to the broker for certain, if one is known.
    `part` is that of the consumer's by whose session it came, if it came by one.
    """

    device_id: str
    payload: bytes
    received_at: datetime
    retained: bool = False
    repeated: bool = False  # the broker's DUP flag
    came_after: datetime | None = None
    part: int | None = None


class Report(NamedTuple):
    """Hold a well-formed message of a known device: its declared attributes at a time (millisecond precision).

    `timed` says whether the device gave the time itself; `repeated` and `came_after` are the message's.
    """

    device: Device
    at: datetime
    data: dict[str, Value]
    received_at: datetime
    timed: bool
    retained: bool
    repeated: bool
    came_after: datetime | None


class Answer(NamedTuple):
    """Hold what a known device sent as a signed answer; empty where that was no text."""

    device: Device
    text: str


class CommandAnswer(NamedTuple):
    """Hold what a known device sent as the answer to a command, as it came."""

    device: Device
    sent: object
    at: datetime
