"""How fast a device may send, the same behind every broker: docs/protocol.md, "How fast".

What a device sent is a debt that time pays off. Up to one limit it is within its pace, up to another it works off a
backlog and comes after everybody else; whoever goes on beyond is shut out for a time, which doubles. One number a key
says it all: until when it would have to be silent to owe nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from django.conf import settings

MOST_KEPT = 200_000


class Pace(Enum):
    WITHIN = "within its pace"
    BEHIND = "working off a backlog"
    BEYOND = "beyond every limit"


class Debts:
    """Keep the debts of any number of senders; times are seconds of any one clock."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, key: str, now: float, *, limit: int = 0) -> Pace:
        """Count one message of those of which `limit` are allowed within the span; 0 is the limit of a topic."""
        if not settings.MQTT_LIMITS:
            return Pace.WITHIN
        span, limit = settings.MQTT_LIMIT_SECONDS, limit or settings.MQTT_TOPIC_LIMIT
        if len(self._until) > MOST_KEPT:
            self._until = {sender: until for sender, until in self._until.items() if until > now}
        owed = max(self._until.get(key, now) - now, 0.0) + span / limit
        if owed > span * (1 + settings.MQTT_BACKLOG / limit):
            return Pace.BEYOND
        self._until[key] = now + owed
        return Pace.WITHIN if owed <= span * (1 + 1e-9) else Pace.BEHIND

    def fraction(self, key: str, now: float) -> float:
        """Return how much of the allowed backlog is used up, from 0 to 1."""
        owed = self._until.get(key, now) - now - settings.MQTT_LIMIT_SECONDS
        cost = settings.MQTT_LIMIT_SECONDS / settings.MQTT_TOPIC_LIMIT
        return float(max(owed, 0.0) / (cost * settings.MQTT_BACKLOG))


class Ban(NamedTuple):
    until: float
    strikes: int


class Bans:
    """Keep who is shut out for how long: from the first time to the longest, doubled each time, in the end
    forgotten."""

    def __init__(self) -> None:
        self._bans: dict[str, Ban] = {}

    def holds(self, key: str, now: float) -> bool:
        ban = self._bans.get(key)
        return ban is not None and now < ban.until

    def begin(self, key: str, now: float) -> float:
        """Begin a ban, and return its seconds."""
        longest = settings.MQTT_LONGEST_BAN_SECONDS
        former = self._bans.get(key, Ban(now, 0))
        strikes = 0 if now > former.until + longest else former.strikes
        seconds = float(min(settings.MQTT_BAN_SECONDS * 2**strikes, longest))
        self._bans[key] = Ban(now + seconds, min(strikes + 1, 32))
        return seconds
