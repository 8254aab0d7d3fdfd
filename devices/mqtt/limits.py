"""The published limits of one device: messages on a topic and on its connection, then a ban that grows."""

from __future__ import annotations

from collections import defaultdict, deque

from django.conf import settings

ALL = ""


class Guard:
    """Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[float]] = defaultdict(deque)
        self._strikes = 0
        self._banned_until = 0.0

    def is_banned(self, now: float) -> bool:
        return now < self._banned_until

    def allows(self, topic: str, now: float) -> bool:
        """Counts one message; the first one too many bans the device."""
        if not settings.MQTT_LIMITS:
            return True
        within = self._count(topic, settings.MQTT_TOPIC_LIMIT, now)
        within &= self._count(ALL, settings.MQTT_CONNECTION_LIMIT, now)
        if not within:
            self._ban(now)
        return within

    def _count(self, topic: str, limit: int, now: float) -> bool:
        sent = self._sent[topic]
        sent.append(now)
        while sent[0] <= now - settings.MQTT_LIMIT_SECONDS:
            sent.popleft()
        return len(sent) <= limit

    def _ban(self, now: float) -> None:
        longest = settings.MQTT_LONGEST_BAN_SECONDS
        if now > self._banned_until + longest:
            self._strikes = 0
        self._banned_until = now + min(settings.MQTT_BAN_SECONDS * 2**self._strikes, longest)
        self._strikes = min(self._strikes + 1, 32)
        self._sent.clear()
