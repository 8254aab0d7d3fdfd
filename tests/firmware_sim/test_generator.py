from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.generator import Engine, Fault, Generator, hospital_demand

HOUR = 3600


def run(generator: Generator, seconds: float, dt: float = 1.0) -> list[dict[str, Any]]:
    readings: list[dict[str, Any]] = []
    for _ in range(int(seconds / dt)):
        generator.step(dt)
        readings.append(generator.reading())
    return readings


def starting(seed: int = 1, **options: float) -> Generator:
    generator = Generator(seed, **options)
    generator.state, generator._timer = Engine.STOPPED, 5.0
    generator.rpm = generator.load = generator.excitation = 0.0
    return generator


def test_same_seed_same_life() -> None:
    assert run(Generator("a"), 600) == run(Generator("a"), 600)


def test_another_seed_another_life() -> None:
    assert run(Generator("a"), 60) != run(Generator("b"), 60)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.lists(st.floats(0.05, 90), min_size=1, max_size=60),
    fault_rate=st.sampled_from([0.0, 0.03, 60.0]),
)
def test_readings_hang_together(seed: int, steps: list[float], fault_rate: float) -> None:
    generator = Generator(seed, fault_rate=fault_rate)
    for dt in steps:
        hours, turning = generator.run_hours, generator.turning
        generator.step(dt)
        assert 0 <= generator.rpm < 1900
        assert generator.frequency == pytest.approx(generator.rpm / 30)
        assert 0 <= generator.voltage < 500
        assert 0 <= generator.load <= generator.rating.power
        assert 0 < generator.fuel <= 100
        assert 0 <= generator.oil_pressure < 600
        assert 5 < generator.coolant_temperature < 135
        assert generator.rating.ambient - 1 < generator.manifold_temperature < 540
        assert hours <= generator.run_hours <= hours + dt / HOUR + 1e-9
        if not turning and not generator.turning and dt <= 1:
            assert generator.run_hours == hours
        if generator.load:
            apparent = math.sqrt(3) * generator.voltage * generator.current / 1000
            assert apparent * 0.85 == pytest.approx(generator.load)
            assert generator.state in (Engine.RUNNING, Engine.COOLDOWN)
        if generator.state is Engine.FAULT:
            assert generator.load == generator.current == 0
        assert (generator.state is Engine.FAULT) == (generator.fault is not Fault.NONE)


def test_start_cranks_runs_up_and_then_takes_load() -> None:
    generator = starting(fault_rate=0)
    readings = run(generator, 60)
    states = [reading["engineState"] for reading in readings]
    assert list(dict.fromkeys(states)) == ["stopped", "cranking", "running"]
    cranking = [r for r in readings if r["engineState"] == "cranking"]
    assert max(r["rpm"] for r in cranking) < 300
    assert all(r["load"] == 0 for r in readings if r["voltage"] < 0.9 * 480)
    last = readings[-1]
    assert 1780 < last["rpm"] < 1815
    assert 59.3 < last["frequency"] < 60.5
    assert last["load"] > 0.2 * generator.rating.power


def test_cooldown_sheds_the_load_before_it_stops() -> None:
    generator = starting(fault_rate=0)
    run(generator, 60)
    generator._timer = 0
    readings = run(generator, 240)
    assert readings[0]["engineState"] == "cooldown"
    assert readings[40]["load"] == 0
    assert readings[40]["rpm"] > 1700
    assert readings[-1]["engineState"] == "stopped"
    assert readings[-1]["rpm"] == readings[-1]["frequency"] == 0


@pytest.mark.parametrize(
    ("fault", "sign"),
    [
        (Fault.LOW_OIL_PRESSURE, lambda r: r["oilPressure"] < 150),
        (Fault.OVER_TEMPERATURE, lambda r: r["coolantTemperature"] > 104),
    ],
)
def test_wear_trips_the_engine_and_is_cleared(fault: Fault, sign: object) -> None:
    generator = starting(fault_rate=0)
    run(generator, 900)
    assert generator.fault is Fault.NONE
    generator._wear = fault
    readings = run(generator, 1200)
    tripped = next(r for r in readings if r["engineState"] == "fault")
    assert tripped["fault"] == fault.value
    assert sign(tripped)  # type: ignore[operator]
    assert tripped["load"] == 0
    assert readings[-1]["fault"] == "none"


def test_fail_to_start() -> None:
    generator = starting(fault_rate=1e9)
    seen = {r["fault"] for _ in range(12) for r in run(generator, 60)}
    assert "fail to start" in seen


def test_fuel_falls_with_load_and_is_refilled() -> None:
    generator = starting(fault_rate=0)
    run(generator, 60)
    generator.fuel, before = 50.0, 50.0
    run(generator, HOUR, dt=10)
    assert before - 5 < generator.fuel < before - 1
    generator.fuel = 18.01
    assert max(r["fuelLevel"] for r in run(generator, HOUR, dt=10)) > 90


def test_hospital_needs_more_by_day() -> None:
    assert hospital_demand(14 * HOUR) > 1.5 * hospital_demand(3 * HOUR)
    assert all(0.2 < hospital_demand(t) < 0.85 for t in range(0, 24 * HOUR, 600))


def test_most_of_a_fleet_runs_most_of_the_time() -> None:
    fleet = [Generator(n) for n in range(40)]
    for generator in fleet:
        for _ in range(60):
            generator.step(60)
    running = sum(generator.state is Engine.RUNNING for generator in fleet)
    assert 30 <= running < 40
