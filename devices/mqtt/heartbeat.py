"""Whether a consumer is alive, for health checks: a Redis key that only a living, connected one renews."""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import Any, cast

import redis
from django.conf import settings

from lib import redis_circuit

log = logging.getLogger(__name__)

KEY = "handover:consumer"
LIVES_SECONDS = 10
BEHIND_SECONDS = 10.0  # so far behind the broker a consumer hears nobody in time: no press, for one
EVERY_SECONDS = 2.0
RIVAL_SECONDS = 30.0
QUIET_SECONDS = 5.0  # without Redis, ingest is not held up more often than this


def connect() -> redis.Redis:
    return redis_circuit.connect(settings.REDIS_URL)


def takes_writes(client: redis.Redis) -> bool:
    """Return True, or raise `redis.RedisError`: it may be read-only after a failover, or full."""
    return bool(client.set("handover:health", 1, ex=LIVES_SECONDS))


class Heartbeat:
    def __init__(self) -> None:
        self._redis = connect()
        self._next = 0.0
        self._name = uuid.uuid4().hex
        self._has_beaten = False
        self._rival_until = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def beat(self, **facts: Any) -> None:
        """Renew the heartbeat. Never raises: without Redis the consumer goes on."""
        self._next = time.monotonic() + EVERY_SECONDS
        try:
            with redis_circuit.asking(settings.REDIS_URL):
                self._look_at(self._redis.set(KEY, self._encode_beat(facts), ex=LIVES_SECONDS, get=True))
        except redis_circuit.CircuitOpen:
            return
        except redis.RedisError as error:
            self._next = time.monotonic() + QUIET_SECONDS
            log.warning("no heartbeat, Redis is away: %s", error)

    def _encode_beat(self, facts: dict[str, Any]) -> str:
        rival = time.monotonic() < self._rival_until
        return json.dumps({"time": time.time(), "by": self._name, "rival": rival, **facts})

    def _look_at(self, previous: Any) -> None:
        """Note that another consumer beats too. What the first beat finds may be of a dead one."""
        if self._has_beaten and previous and json.loads(previous).get("by", self._name) != self._name:
            if time.monotonic() >= self._rival_until:
                log.error("another consumer is at work: they take the broker's session from each other. Stop one.")
            self._rival_until = time.monotonic() + RIVAL_SECONDS
        self._has_beaten = True

    def end(self) -> None:
        try:
            self._redis.delete(KEY)
        except redis.RedisError as error:
            log.warning("the last heartbeat stays until it expires: %s", error)


def read() -> dict[str, Any] | None:
    """Return the last heartbeat (`time`, `rival`, `connected`, `failing`, `queued`, `behind`, `counts`); None if no
    consumer is at work.

    Raises `redis.RedisError`, also where none could beat, since Redis takes no writes.
    """
    with redis_circuit.asking(settings.REDIS_URL), connect() as client:
        value = cast("bytes | None", client.get(KEY))
        if value is None:
            takes_writes(client)
    return json.loads(value) if value else None


def hears(beat: dict[str, Any] | None) -> bool:
    """Return whether what devices report is heard and stored: a consumer is at work, can store, and has nearly caught
    up."""
    return bool(beat and beat["connected"] and not beat["failing"] and beat.get("behind", 0) < BEHIND_SECONDS)
