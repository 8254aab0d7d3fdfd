from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.mqtt.limits import Guard

if TYPE_CHECKING:
    from pytest_django import Settings


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    settings.MQTT_LIMITS = True


def sent(guard: Guard, topic: str, times: int, now: float) -> list[bool]:
    return [guard.allows(topic, now) for _ in range(times)]


def test_thirty_in_fifteen_seconds_on_a_topic() -> None:
    guard = Guard()
    assert all(sent(guard, "a", 30, now=0.0))
    assert guard.allows("b", 1.0)
    assert all(sent(guard, "a", 30, now=15.0))
    assert not guard.is_banned(15.0)
    assert not guard.allows("a", 29.9)
    assert guard.is_banned(29.9)


def test_three_hundred_in_fifteen_seconds_on_a_connection() -> None:
    guard = Guard()
    for number in range(300):
        assert guard.allows(str(number), 0.0)
    assert not guard.allows("one more", 0.0)


def test_the_ban_grows_from_30_seconds_to_an_hour_and_is_forgotten_in_the_end() -> None:
    guard, now, bans = Guard(), 0.0, []
    for _ in range(9):
        sent(guard, "a", 31, now)
        ends = next(now + length for length in range(1, 4000) if not guard.is_banned(now + length))
        bans.append(ends - now)
        now = ends
    assert bans == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    now += 3601
    sent(guard, "a", 31, now)
    assert guard.is_banned(now + 29)
    assert not guard.is_banned(now + 31)


def test_off_for_benchmarks(settings: Settings) -> None:
    settings.MQTT_LIMITS = False
    assert all(sent(Guard(), "a", 1000, now=0.0))
