"""What the simulated gateway does with commands, and what it leaves."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from firmware_sim import commands
from firmware_sim.commands import MOST_KNOWN, Obedience, Unwilling
from firmware_sim.generator import HOUR, Engine, Fault, Generator


def hear(obedience: Obedience, name: str, payload: object = None, **more: object) -> dict[str, Any] | None:
    return obedience.hear(json.dumps({"id": "1", "name": name, "payload": payload, **more}).encode())


def test_one_that_comes_again_is_answered_and_not_done() -> None:
    done: list[str] = []
    obedience = Obedience(lambda name, payload: done.append(name))
    first = hear(obedience, "start")
    assert first == hear(obedience, "start") == {"id": "1", "status": "done"}
    assert done == ["start"]


@pytest.mark.parametrize(
    "payload",
    [
        b"x",
        b"[]",
        b"null",
        b'{"id": "1"}',
        b'{"id": "1", "name": "start", "expires": {"$date": "2020-01-01T00:00:00.000Z"}}',
        b'{"id": "1", "name": "start", "expires": {"$date": "soon"}}',
        b'{"id": "1", "name": "start", "expires": 7}',
    ],
)
def test_what_is_none_or_over_is_left(payload: bytes) -> None:
    done: list[str] = []
    assert Obedience(lambda name, payload: done.append(name)).hear(payload) is None
    assert done == []


def test_without_an_id_it_is_done_and_nobody_is_answered() -> None:
    done: list[str] = []
    assert Obedience(lambda name, payload: done.append(name)).hear(b'{"name": "start"}') is None
    assert done == ["start"]


def test_the_generator_starts_stops_and_takes_a_load() -> None:
    generator = Generator(1, fault_rate=0.0)
    assert generator.obey("stop", {}) == {"engineState": "cooldown"}
    generator.step(40)
    assert generator.reading()["engineState"] == "stopped"
    generator.obey("start", {})
    generator.step(10)
    assert generator.reading()["engineState"] == "running"
    generator.obey("setLoad", {"load": 100})
    for _ in range(120):
        generator.step(1)
    assert generator.reading()["load"] == pytest.approx(100, abs=1)
    generator.obey("stop", {})
    assert generator.obey("start", {}) == {"engineState": "running"}


@pytest.mark.parametrize("load", [None, True, "1", -1, 10**9])
def test_a_load_that_it_can_not_take_is_refused(load: object) -> None:
    with pytest.raises(Unwilling, match="its load is from 0"):
        Generator(1).obey("setLoad", {"load": load})


def test_with_a_fault_it_does_not_start() -> None:
    generator = Generator(1)
    generator._trip(Fault.LOW_OIL_PRESSURE)
    with pytest.raises(Unwilling, match="low oil pressure"):
        generator.obey("start", {})
    generator.obey("stop", {})
    assert generator.state is Engine.FAULT


def test_a_stopped_one_that_cranked_stays_stopped() -> None:
    generator = Generator(1)
    generator._enter(Engine.CRANKING, 4.0)
    generator.obey("stop", {})
    assert (generator.state, generator._timer) == (Engine.STOPPED, HOUR)


# Blinking --------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("payload", "seconds"),
    [(None, 20.0), ({}, 20.0), ({"seconds": 5}, 5.0), ({"seconds": 0.2}, 1.0), ({"seconds": -7}, 1.0),
     ({"seconds": 10**9}, 300.0), ([], 20.0), ("10", 20.0)],
)  # fmt: skip
def test_it_blinks_as_long_as_it_is_told_to_within_bounds(clock: list[float], payload: object, seconds: float) -> None:
    obedience = Obedience(None)
    assert not obedience.blinks
    assert hear(obedience, "identify", payload) == {"id": "1", "status": "done"}
    clock[0] += seconds - 0.01
    assert obedience.blinks
    clock[0] += 0.02
    assert not obedience.blinks


@pytest.mark.parametrize("seconds", ["10", True, None, [1]])
def test_seconds_that_are_no_number_are_refused(seconds: object) -> None:
    obedience = Obedience(None)
    answer = hear(obedience, "identify", {"seconds": seconds})
    assert answer == {"id": "1", "status": "refused", "reason": "the seconds are no number"}
    assert not obedience.blinks


@pytest.mark.parametrize("payload", [[1], "x", 7, True])
def test_a_payload_that_is_no_object_is_not_passed_on(payload: object) -> None:
    done: list[str] = []
    answer = hear(Obedience(lambda name, _: done.append(name)), "setLoad", payload)
    assert answer == {"id": "1", "status": "refused", "reason": "it knows no setLoad"}
    assert done == []


@pytest.mark.parametrize(("result", "beside"), [({"load": 5}, {"result": {"load": 5}}), ({}, {}), (None, {})])
def test_what_comes_of_it_is_answered_beside(result: dict[str, Any] | None, beside: dict[str, Any]) -> None:
    assert hear(Obedience(lambda *_: result), "setLoad", {"load": 5}) == {"id": "1", "status": "done", **beside}


def test_a_refusal_is_answered_the_same_when_it_comes_again() -> None:
    tries: list[int] = []

    def obey(name: str, payload: dict[str, Any]) -> None:
        tries.append(1)
        raise Unwilling("not now")

    obedience = Obedience(obey)
    answers = [hear(obedience, "start") for _ in range(3)]
    assert answers == [{"id": "1", "status": "refused", "reason": "not now"}] * 3
    assert tries == [1]


def test_the_oldest_of_very_many_is_forgotten() -> None:
    done: list[str] = []
    obedience = Obedience(lambda name, _: done.append(name))
    for number in range(MOST_KNOWN + 1):
        hear(obedience, f"n{number}", id=f"c{number}")
    hear(obedience, "n1", id="c1")
    assert len(done) == MOST_KNOWN + 1
    hear(obedience, "n0", id="c0")
    assert len(done) == MOST_KNOWN + 2


NOW = datetime(2026, 11, 30, 8, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expires", "is_over"),
    [
        ("2026-11-30T08:15:00.000Z", True),
        ("2026-11-30T08:15:00.001Z", False),
        ("2026-11-30T09:15:00.000+01:00", True),
        ("2026-11-30T08:15:01", True),  # of no zone it is no moment
    ],
)
def test_a_command_is_over_at_its_time(expires: str, *, is_over: bool) -> None:
    sent = json.dumps({"id": "c1", "name": "start", "expires": {"$date": expires}}).encode()
    assert (commands.read(sent, NOW) is None) is is_over
