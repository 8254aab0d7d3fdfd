from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pymodbus.client import AsyncModbusTcpClient

from firmware_sim.generator import Generator
from firmware_sim.modbus import MAX_UNITS, Bus, Controller, ModbusUnavailable, start_buses
from firmware_sim.registers import COUNT, decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def with_bus(generators: list[Generator], act: Callable[[Bus], Awaitable[None]], speed: float = 1.0) -> None:
    async def main() -> None:
        bus = Bus([Controller(each, speed=speed) for each in generators])
        await bus.start()
        try:
            await act(bus)
        finally:
            await bus.stop()

    asyncio.run(main())


def test_units_are_told_apart() -> None:
    generators = [Generator(n) for n in range(3)]

    async def act(bus: Bus) -> None:
        for unit, generator in enumerate(generators, 1):
            reading = await bus.read(unit)
            assert reading["runHours"] == pytest.approx(generator.run_hours, abs=0.06)

    with_bus(generators, act)


def test_reading_advances_the_generator() -> None:
    generator = Generator(1)
    before = generator.clock

    async def act(bus: Bus) -> None:
        await asyncio.sleep(0.1)
        await bus.read(1)

    with_bus([generator], act, speed=600)
    assert 55 < generator.clock - before < 600


def test_a_foreign_client_reads_the_documented_map_and_cannot_write() -> None:
    async def act(bus: Bus) -> None:
        async with AsyncModbusTcpClient("127.0.0.1", port=bus.port) as client:
            answer = await client.read_holding_registers(0, count=COUNT, device_id=1)
            assert decode(answer.registers)["engineState"] == "running"
            assert (await client.write_register(2, 1, device_id=1)).isError()
            assert (await client.read_holding_registers(COUNT, count=1, device_id=1)).isError()

    with_bus([Generator(1)], act)


def test_unknown_unit_is_unavailable() -> None:
    async def act(bus: Bus) -> None:
        with pytest.raises(ModbusUnavailable):
            await bus.read(9)

    with_bus([Generator(1)], act)


def test_a_stopped_controller_is_unavailable() -> None:
    async def act(bus: Bus) -> None:
        await bus._server.shutdown()  # type: ignore[no-untyped-call]
        bus._client.ctx.comm_params.timeout_connect = 0.2
        with pytest.raises(ModbusUnavailable):
            await bus.read(1)

    with_bus([Generator(1)], act)


def test_a_cancelled_read_is_cancelled_whenever_it_happens() -> None:
    async def act(bus: Bus) -> None:
        for turns in range(30):
            read = asyncio.create_task(bus.read(1))
            for _ in range(turns):
                await asyncio.sleep(0)
            if read.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await read
            assert (await bus.read(1))["engineState"] == "running"

    with_bus([Generator(1)], act)


def test_more_than_247_take_a_second_bus() -> None:
    async def main() -> None:
        buses = await start_buses([Controller(Generator(n)) for n in range(MAX_UNITS + 2)])
        assert len(buses) == 2
        assert (await buses[0].read(MAX_UNITS))["rpm"] != ""
        assert (await buses[1].read(2))["rpm"] != ""
        with pytest.raises(ModbusUnavailable):
            await buses[1].read(3)
        for bus in buses:
            await bus.stop()

    asyncio.run(main())
