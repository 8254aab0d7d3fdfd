from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.generator import Engine, Fault, Generator
from firmware_sim.registers import COUNT, POINTS, decode, encode


@given(
    state=st.sampled_from(Engine),
    fault=st.sampled_from(Fault),
    temperature=st.floats(-40, 600),
    hours=st.floats(0, 90_000),
    rpm=st.floats(0, 2000),
)
def test_round_trip_within_half_a_step(
    state: Engine, fault: Fault, temperature: float, hours: float, rpm: float
) -> None:
    reading: dict[str, Any] = Generator(1).reading() | {
        "engineState": state.value,
        "fault": fault.value,
        "coolantTemperature": temperature,
        "runHours": hours,
        "rpm": rpm,
    }
    registers = encode(reading)
    assert len(registers) == COUNT
    assert all(0 <= register <= 0xFFFF for register in registers)
    back: dict[str, Any] = decode(registers)
    for point in POINTS:
        if isinstance(reading[point.name], str):
            assert back[point.name] == reading[point.name]
        else:
            assert abs(back[point.name] - reading[point.name]) <= 0.5 / point.scale + 1e-9


def test_known_registers() -> None:
    reading: dict[str, Any] = dict.fromkeys((point.name for point in POINTS), 0.0) | {
        "engineState": "running",
        "fault": "none",
        "rpm": 1800.5,
        "frequency": 60.02,
        "coolantTemperature": -1.5,
        "runHours": 7000.1,
    }
    assert encode(reading) == [2, 0, 18005, 0, 0, 0, 6002, 0, 0xFFF1, 0, 0, 1, 4465]


def test_out_of_range_is_clamped() -> None:
    reading = Generator(1).reading() | {"load": 1e9, "fuelLevel": -5.0}
    assert decode(encode(reading))["load"] == 6553.5
    assert decode(encode(reading))["fuelLevel"] == 0


def test_points_fill_the_block_without_overlap() -> None:
    addresses = [p.address + word for p in POINTS for word in range(p.words)]
    assert addresses == list(range(COUNT))


@pytest.mark.parametrize("registers", [[], [0] * (COUNT + 1), [9] + [0] * (COUNT - 1)])
def test_nonsense_is_refused(registers: list[int]) -> None:
    with pytest.raises(ValueError, match="register"):
        decode(registers)
