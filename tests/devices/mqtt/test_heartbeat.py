"""A consumer that lives says so in Redis; of several it is known what they come to, and who is a rival."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis

from devices.mqtt import heartbeat
from devices.mqtt.heartbeat import Heartbeat
from lib import redis_circuit

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings


class Store:
    """Stand for Redis: it keeps what is said, or says no."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.error: redis.RedisError | None = None
        self._asked: list[tuple[str, str]] = []

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None: ...

    def pipeline(self, *, transaction: bool) -> Store:
        self._asked = []
        return self

    def set(self, key: str, value: Any, *, ex: int, get: bool = False) -> bool:
        if self.error and not get:
            raise self.error
        self._asked.append((key, value))
        return True

    def execute(self) -> list[str | None]:
        if self.error:
            raise self.error
        former = [self.kept.get(key) for key, _ in self._asked]
        self.kept.update(self._asked)
        return former

    def mget(self, keys: list[str]) -> list[str | None]:
        if self.error:
            raise self.error
        return [self.kept.get(key) for key in keys]

    def delete(self, *keys: str) -> None:
        if self.error:
            raise self.error
        for key in keys:
            self.kept.pop(key, None)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    own = Store()
    monkeypatch.setattr(heartbeat, "connect", lambda: own)
    monkeypatch.setattr(redis_circuit, "_open", set())
    monkeypatch.setattr(redis_circuit, "_trip", lambda *_: None)
    return own


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


FACTS: dict[str, Any] = {"connected": True, "failing": False, "queued": 3, "behind": 0.5, "counts": {"handled": 7}}


def test_what_it_says_is_read(store: Store) -> None:
    Heartbeat().beat(**FACTS)
    told = heartbeat.read()
    assert told is not None
    assert FACTS.items() <= told.items()
    assert told["rival"] is False
    assert abs(told["time"] - time.time()) < 60
    assert [each["parts"] for each in told["consumers"]] == [1]


def test_it_is_due_every_two_seconds_and_seldomer_without_redis(store: Store, clock: list[float]) -> None:
    beating = Heartbeat()
    assert beating.is_due()
    for error, pause in ((None, 2.0), (redis.ReadOnlyError("no"), 5.0), (redis.ConnectionError("gone"), 5.0)):
        store.error = error
        beating.beat()
        clock[0] += pause - 0.1
        assert not beating.is_due()
        clock[0] += 0.2
        assert beating.is_due()


def test_without_redis_the_consumer_goes_on(store: Store, caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    store.error = redis.ConnectionError("gone")
    with caplog.at_level(logging.WARNING):
        Heartbeat().beat()
        Heartbeat().end()
    assert "no heartbeat, Redis is away: gone" in caplog.text
    assert "stays until it expires" in caplog.text
    caplog.clear()
    redis_circuit._open.add(settings.REDIS_URL)
    Heartbeat().beat()
    assert caplog.text == ""  # whoever found out has said so


def test_nobody_is_at_work_where_a_part_is_nobodys(store: Store, settings: Settings) -> None:
    assert heartbeat.read() is None
    settings.CONSUMERS, settings.BROKER_DIVIDES = 2, "share"
    one = Heartbeat()
    one.beat(range(6), **FACTS)
    assert heartbeat.read() is None
    one.beat(range(12), **FACTS)
    assert heartbeat.read() is not None
    one.end(range(3, 5))
    assert heartbeat.read() is None


def test_a_redis_that_takes_no_writes_is_told_apart_from_nobody(store: Store) -> None:
    store.error = redis.ReadOnlyError("You can't write")
    store.mget = lambda keys: [None] * len(keys)  # type: ignore[method-assign]
    with pytest.raises(redis.ReadOnlyError):
        heartbeat.read()


def test_several_come_to_the_worst_and_to_their_sums(settings: Settings) -> None:
    settings.CONSUMERS, settings.BROKER_DIVIDES = 2, "share"
    Heartbeat().beat(range(8), **FACTS)
    others = {"connected": False, "failing": True, "queued": 4, "behind": 12.0, "counts": {"handled": 1, "oversize": 2}}
    Heartbeat().beat(range(8, 12), **others)
    told = heartbeat.read()
    assert told is not None
    assert {name: told[name] for name in others} == {
        "connected": False,
        "failing": True,
        "queued": 7,
        "behind": 12.0,
        "counts": {"handled": 8, "oversize": 2},
    }
    assert sorted(each["parts"] for each in told["consumers"]) == [4, 8]


@pytest.mark.parametrize(
    ("beat", "hears"),
    [
        (None, False),
        (FACTS, True),
        ({**FACTS, "connected": False}, False),
        ({**FACTS, "failing": True}, False),
        ({**FACTS, "behind": 9.9}, True),
        ({**FACTS, "behind": 10.0}, False),
        ({"connected": True, "failing": False}, True),
    ],
)
def test_devices_are_heard_by_who_is_there_stores_and_keeps_up(beat: dict[str, Any] | None, *, hears: bool) -> None:
    assert heartbeat.hears(beat) is hears


def test_another_one_that_beats_too_is_a_rival_for_a_while(
    store: Store, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    one, other = Heartbeat(), Heartbeat()
    one.beat(**FACTS)
    other.beat(**FACTS)  # the first of its beats may find a dead one's
    assert caplog.text == ""
    for _ in range(3):
        one.beat(**FACTS)
        other.beat(**FACTS)
    assert caplog.text.count("another consumer is at work") == 2  # each says it once
    one.beat(**FACTS)
    assert json.loads(store.kept[heartbeat.KEY])["rival"] is True
    clock[0] += heartbeat.RIVAL_SECONDS
    store.kept.clear()
    one.beat(**FACTS)
    one.beat(**FACTS)
    assert json.loads(store.kept[heartbeat.KEY])["rival"] is False


def test_a_part_that_was_taken_over_has_no_rival(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    one, other = Heartbeat(), Heartbeat()
    for _ in range(2):
        other.beat([1], **FACTS)
        one.beat([0], **FACTS)
    one.beat([0, 1], **FACTS)
    one.beat([0, 1], **FACTS)
    assert caplog.text == ""
