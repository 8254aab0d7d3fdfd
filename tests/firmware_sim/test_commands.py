"""What the simulated gateway does with commands, and what it leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firmware_sim.commands import Obedience, Unwilling
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
