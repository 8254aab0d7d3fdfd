"""Both ends of the generator's Modbus port: a TCP server for controllers, a client for gateways."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from .registers import COUNT, decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymodbus.constants import ExcCodes

    from .generator import Generator, Reading

MAX_UNITS = 247


class ModbusUnavailable(Exception):
    """Say why the generator could not be read."""


class Controller:
    """Bring its generator up to now whenever its registers are read."""

    def __init__(self, generator: Generator, *, speed: float = 1.0) -> None:
        self._generator = generator
        self._speed = speed
        self._at = time.monotonic()

    def obey(self, name: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Pass a command to the generator, by the controller's own wire. Raises Unwilling."""
        return self._generator.obey(name, payload)

    def make_device(self, unit: int) -> SimDevice:
        block = SimData(0, values=[0] * COUNT, datatype=DataType.REGISTERS, readonly=True)
        return SimDevice(unit, simdata=[block], action=self._refresh)

    async def _refresh(
        self,
        _function: int,
        _start: int,
        _address: int,
        _count: int,
        registers: list[int],
        _written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        now = time.monotonic()
        self._generator.step((now - self._at) * self._speed)
        self._at = now
        registers[:COUNT] = encode(self._generator.reading())
        return None


class Bus:
    """Serve up to 247 units by Modbus TCP on a free loopback port, and hold the line to them."""

    def __init__(self, controllers: Sequence[Controller]) -> None:
        if len(controllers) > MAX_UNITS:
            raise ValueError(f"a bus holds at most {MAX_UNITS} units")
        self._controllers = controllers
        self.port = 0

    async def start(self) -> None:
        devices = [controller.make_device(unit) for unit, controller in enumerate(self._controllers, 1)]
        self._server = ModbusTcpServer(devices, address=("127.0.0.1", 0))
        await self._server.serve_forever(background=True)
        listening = cast("asyncio.Server", self._server.transport)
        self.port = listening.sockets[0].getsockname()[1]
        self._client = AsyncModbusTcpClient("127.0.0.1", port=self.port, timeout=2, retries=1)
        await self._client.connect()

    async def read(self, unit: int) -> Reading:
        try:
            answer = await self._client.read_holding_registers(0, count=COUNT, device_id=unit)
        except ModbusException as error:
            raise ModbusUnavailable(str(error)) from error
        # Python 3.11's wait_for, inside pymodbus, forgets a cancellation that meets the answer.
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError
        if answer.isError():
            raise ModbusUnavailable(f"unit {unit} answered {answer}")
        try:
            return decode(answer.registers)
        except ValueError as error:
            raise ModbusUnavailable(str(error)) from error

    async def stop(self) -> None:
        self._client.close()
        await self._server.shutdown()  # type: ignore[no-untyped-call]


def quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


async def start_buses(controllers: Sequence[Controller]) -> list[Bus]:
    buses = [Bus(controllers[first : first + MAX_UNITS]) for first in range(0, len(controllers), MAX_UNITS)]
    for bus in buses:
        await bus.start()
    return buses
