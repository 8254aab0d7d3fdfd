"""What the broker hands over, and what it says once it is understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from devices.models import Device

Value = float | str | bool


@dataclass(frozen=True, slots=True)
class Message:
    """As it arrived on a state topic."""

    device_id: str
    payload: bytes
    received_at: datetime
    retained: bool = False
    repeated: bool = False  # the broker's DUP flag


@dataclass(frozen=True, slots=True)
class Report:
    """A well-formed message of a known device: its declared attributes at a time (millisecond precision).

    `timed` says whether the device gave the time itself; `repeated` is the broker's DUP flag.
    """

    device: Device
    at: datetime
    data: dict[str, Value]
    received_at: datetime
    timed: bool
    retained: bool
    repeated: bool
