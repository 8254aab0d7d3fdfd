"""The generator controller's Modbus register map.

Holding registers, read-only, big-endian; a 32-bit value has its high word first.
The attribute's value is the register divided by its scale; Engine and Fault count from 0 in the
order stopped, cranking, running, cooldown, fault and none, low oil pressure, over-temperature,
fail to start.

| address | attribute           | type | scale | unit            |
| ------- | ------------------- | ---- | ----- | --------------- |
| 0       | engineState         | u16  | 1     | one of Engine   |
| 1       | fault               | u16  | 1     | one of Fault    |
| 2       | rpm                 | u16  | 10    | 1/min           |
| 3       | load                | u16  | 10    | kW              |
| 4       | current             | u16  | 10    | A               |
| 5       | voltage             | u16  | 10    | V               |
| 6       | frequency           | u16  | 100   | Hz              |
| 7       | manifoldTemperature | i16  | 10    | degrees Celsius |
| 8       | coolantTemperature  | i16  | 10    | degrees Celsius |
| 9       | oilPressure         | u16  | 10    | kPa             |
| 10      | fuelLevel           | u16  | 10    | %               |
| 11, 12  | runHours            | u32  | 10    | h               |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .generator import Engine, Fault, Reading, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENUMS: dict[str, tuple[str, ...]] = {
    "engineState": tuple(state.value for state in Engine),
    "fault": tuple(fault.value for fault in Fault),
}


@dataclass(frozen=True)
class Point:
    name: str
    address: int
    scale: int = 1
    words: int = 1
    signed: bool = False

    @property
    def bounds(self) -> tuple[int, int]:
        top = 1 << (16 * self.words)
        return (-top // 2, top // 2 - 1) if self.signed else (0, top - 1)


POINTS = (
    Point("engineState", 0),
    Point("fault", 1),
    Point("rpm", 2, 10),
    Point("load", 3, 10),
    Point("current", 4, 10),
    Point("voltage", 5, 10),
    Point("frequency", 6, 100),
    Point("manifoldTemperature", 7, 10, signed=True),
    Point("coolantTemperature", 8, 10, signed=True),
    Point("oilPressure", 9, 10),
    Point("fuelLevel", 10, 10),
    Point("runHours", 11, 10, words=2),
)
COUNT = 13


def encode(reading: Mapping[str, Value]) -> list[int]:
    """Return a reading's registers. A value outside its register's range is clamped, as a controller does."""
    registers = [0] * COUNT
    for point in POINTS:
        number = _encode_value(point, reading[point.name])
        for word in range(point.words):
            shift = 16 * (point.words - 1 - word)
            registers[point.address + word] = (number >> shift) & 0xFFFF
    return registers


def decode(registers: Sequence[int]) -> Reading:
    """Return the reading. Raises ValueError for registers that this map cannot hold."""
    if len(registers) != COUNT:
        raise ValueError(f"expected {COUNT} registers, got {len(registers)}")
    return {point.name: _decode_value(point, registers) for point in POINTS}


def _encode_value(point: Point, value: Value) -> int:
    if isinstance(value, str):
        return ENUMS[point.name].index(value)
    low, high = point.bounds
    return max(low, min(high, round(value * point.scale)))


def _decode_value(point: Point, registers: Sequence[int]) -> Value:
    number = 0
    for word in registers[point.address : point.address + point.words]:
        number = number << 16 | word
    if names := ENUMS.get(point.name):
        if number >= len(names):
            raise ValueError(f"register {point.address}: no {point.name} {number}")
        return names[number]
    if point.signed and number > point.bounds[1]:
        number -= 1 << (16 * point.words)
    return number / point.scale
