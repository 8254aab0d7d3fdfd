"""Whether consumers are alive, for health checks: a Redis key a part that only a living, connected one renews."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import redis
from django.conf import settings

from devices.mqtt import parts
from lib import redis_circuit

if TYPE_CHECKING:
    from collections.abc import Collection

log = logging.getLogger(__name__)

KEY = "handover:consumer"
"""Of the first part; those of the others have their numbers behind it."""
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


def build_key(part: int) -> str:
    return f"{KEY}:{part}" if part else KEY


class Heartbeat:
    def __init__(self) -> None:
        self._redis = connect()
        self._next = 0.0
        self._name = uuid.uuid4().hex
        self._beaten: set[int] = set()  # the parts for which it has
        self._rival_until = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def beat(self, held: Collection[int] = (0,), **facts: Any) -> None:
        """Renew the heartbeat of the parts that are held. Never raises: without Redis the consumer goes on."""
        self._next = time.monotonic() + EVERY_SECONDS
        try:
            with redis_circuit.asking(settings.REDIS_URL):
                numbers, said = sorted(held), self._encode_beat(facts)
                with self._redis.pipeline(transaction=False) as pipeline:
                    for part in numbers:
                        pipeline.set(build_key(part), said, ex=LIVES_SECONDS, get=True)
                    self._look_at(dict(zip(numbers, pipeline.execute(), strict=True)))
        except redis_circuit.CircuitOpen:
            return
        except redis.RedisError as error:
            self._next = time.monotonic() + QUIET_SECONDS
            log.warning("no heartbeat, Redis is away: %s", error)

    def _encode_beat(self, facts: dict[str, Any]) -> str:
        rival = time.monotonic() < self._rival_until
        return json.dumps({"time": time.time(), "by": self._name, "rival": rival, **facts})

    def _look_at(self, previous: dict[int, Any]) -> None:
        """Note that another consumer beats too. What the first beat finds may be of a dead one, or of the former."""
        others = (value for part, value in previous.items() if part in self._beaten and value)
        if any(json.loads(value).get("by", self._name) != self._name for value in others):
            if time.monotonic() >= self._rival_until:
                log.error("another consumer is at work: they take the broker's session from each other. Stop one.")
            self._rival_until = time.monotonic() + RIVAL_SECONDS
        self._beaten = set(previous)

    def end(self, held: Collection[int] = (0,)) -> None:
        try:
            if held:
                self._redis.delete(*map(build_key, held))
        except redis.RedisError as error:
            log.warning("the last heartbeat stays until it expires: %s", error)


def read() -> dict[str, Any] | None:
    """Return the last heartbeat (`time`, `rival`, `connected`, `failing`, `queued`, `behind`, `counts`), of several
    consumers what it comes to; None if a part has no consumer at work. Under `consumers` is what each said.

    Raises `redis.RedisError`, also where none could beat, since Redis takes no writes.
    """
    keys = [build_key(part) for part in range(parts.count_parts())]
    with redis_circuit.asking(settings.REDIS_URL), connect() as client:
        values = cast("list[bytes | None]", client.mget(keys))
        if None in values:
            takes_writes(client)
    return None if None in values else _sum_up([json.loads(value) for value in values if value])


def _sum_up(beats: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the beats of all parts come to; of a consumer that has several each one says the same."""
    consumers = list({beat.get("by"): beat for beat in beats}.values())
    held = Counter(beat.get("by") for beat in beats)
    each_said = {"consumers": [{**each, "parts": held[each.get("by")]} for each in consumers]}
    if len(consumers) == 1:
        return consumers[0] | each_said
    counts: Counter[str] = Counter()
    for each in consumers:
        counts.update(each.get("counts", {}))
    return each_said | {
        "by": consumers[0]["by"],
        "time": min(each["time"] for each in consumers),
        "rival": any(each.get("rival") for each in consumers),
        "connected": all(each["connected"] for each in consumers),
        "failing": any(each["failing"] for each in consumers),
        "queued": sum(each.get("queued", 0) for each in consumers),
        "behind": max(each.get("behind", 0) for each in consumers),
        "counts": dict(counts),
    }


def hears(beat: dict[str, Any] | None) -> bool:
    """Return whether what devices report is heard and stored: a consumer is at work, can store, and has nearly caught
    up."""
    return bool(beat and beat["connected"] and not beat["failing"] and beat.get("behind", 0) < BEHIND_SECONDS)
