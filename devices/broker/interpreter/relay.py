"""Between a device that speaks its vendor's MQTT and the broker: a connection to that for each of the device's."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import Error

from devices.broker.interpreter import version5
from devices.broker.interpreter.activation import SESSION_SECONDS, Anonymous
from devices.broker.interpreter.callers import Caller, Doors, ask
from devices.broker.interpreter.certificate_holders import CertificateHolder
from devices.broker.interpreter.iot_hub import IotHub
from devices.broker.interpreter.plain import Plain
from devices.broker.interpreter.thingsboard import Newcomer
from devices.broker.interpreter.token_holders import TokenHolder
from devices.mqtt.limits import Debts, Pace
from devices.mqtt.messages import MAX_BYTES
from devices.mqtt.packets import Connect, Malformed, Packet, build_connack, read_packet
from lib.log import about
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from devices.broker.interpreter.plain import Interpreter
    from devices.mqtt.packets import Read

log = logging.getLogger(__name__)

LARGEST_CONNECT = 4096
LARGEST = MAX_BYTES + 1024  # a payload, its topic and its headers
REACHED_SECONDS, CLOSE_SECONDS = 5.0, 2.0
HELD_SECONDS = 4.0
"""For which a device is held that may not connect for now: it would come back at once."""
MOST_HELD = MOST_ANONYMOUS = 1_000
ACCEPTED = 0  # code of a CONNACK
ENDED = (OSError, EOFError, TimeoutError, Malformed)


class Held(Exception):
    """Say that the device may not connect for now."""


class Line(NamedTuple):
    """Hold one end of a connection; `read` returns exactly so many bytes."""

    read: Read
    write: Callable[[bytes], object]
    drain: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]

    @classmethod
    def of(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Line:
        async def close() -> None:
            writer.close()
            await writer.wait_closed()

        return cls(reader.readexactly, writer.write, writer.drain, close)

    async def send(self, *packets: Packet) -> None:
        if packets:
            self.write(b"".join(packet.encode() for packet in packets))
            await self.drain()

    async def end(self) -> None:
        with suppress(*ENDED):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close()


Found = IotHub | TokenHolder | CertificateHolder | Anonymous | Newcomer | Plain | Packet


def find_interpreter(packet: Packet, *, by_certificate: bool = False) -> Found | None:
    """Return who interprets for the client that sent this first, or what it is answered if nobody does; None where it
    needs none. A certificate counts for who says nothing else by which to be known."""
    try:
        connect = version5.read_connect(packet)
        is_next = connect is not None
        connect = connect or Connect.read(packet)
    except Malformed:
        return None
    if connect is None:
        return None
    found: Found | None = TokenHolder.greet(connect, is_next=is_next)
    if not is_next:
        found = IotHub.greet(connect) or found or Newcomer.greet(connect)
    if found is None and by_certificate:
        found = CertificateHolder.greet(connect, is_next=is_next)
    return found if found or is_next else Anonymous.greet(connect)


class Relay:
    """Serve any number of devices, which share the bounds."""

    def __init__(self, host: str, port: int, doors: Doors) -> None:
        self._broker = host, port
        self._doors = doors
        self._held = self._anonymous = 0

    async def serve(self, device: Line, found: Found, caller: Caller) -> None:
        """Interpret until one of the two ends hangs up; then hang up on the other."""
        if isinstance(found, Anonymous | Newcomer):
            await self._activate(device, found, caller)
            return
        try:
            interpreter = await self._find(found, caller)
        except (Refusal, Error) as error:
            log.warning("nobody can be looked up: %s", error)
            await self._hold(device)
            return
        if isinstance(interpreter, Packet):
            with suppress(*ENDED):
                await device.send(interpreter)
            await device.end()
            return
        try:
            async with asyncio.timeout(REACHED_SECONDS):
                broker = Line.of(*await asyncio.open_connection(*self._broker))
        except (OSError, TimeoutError) as error:
            log.warning("the broker is not reached: %s", error)
            await self._hold(device)
            return
        await self._interpret(device, broker, interpreter)

    async def _find(self, found: Found, caller: Caller) -> Interpreter | Packet:
        """Return who interprets, or what it is answered. Raises Refusal for who may not connect for a time."""
        if isinstance(found, TokenHolder):
            return await ask(found.find)
        if isinstance(found, CertificateHolder):
            return await ask(partial(found.find, self._doors, caller))
        assert not isinstance(found, Anonymous | Newcomer)
        return found

    async def _activate(self, device: Line, anonymous: Anonymous | Newcomer, caller: Caller) -> None:
        """Tell a device its token; one that is refused is held, and hung up on without an acknowledgement."""
        if self._anonymous >= MOST_ANONYMOUS:
            await device.end()
            return
        self._anonymous += 1
        try:
            async with asyncio.timeout(SESSION_SECONDS):
                await device.send(build_connack(ACCEPTED))
                while (
                    answer := await anonymous.hear(await read_packet(device.read, LARGEST_CONNECT), self._doors, caller)
                ) is not None:
                    await device.send(*answer)
        except (Refusal, Error) as error:
            log.info("a device was told no token: %s", error)
            await self._hold(device)
            return
        except ENDED as error:
            log.debug("an anonymous session ended: %r", error)
        finally:
            self._anonymous -= 1
        await device.end()

    async def _interpret(self, device: Line, broker: Line, interpreter: Interpreter) -> None:
        both = [
            asyncio.create_task(self._pass(device, interpreter, device, broker)),
            asyncio.create_task(self._pass(broker, interpreter, device, broker)),
        ]
        try:
            await broker.send(interpreter.connect)
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except ENDED as error:
            log.debug("the broker hung up: %r", error)
        finally:
            for task in both:
                task.cancel()
            results = await asyncio.gather(*both, return_exceptions=True)
            await broker.end()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ENDED):
                own = Connect.read(interpreter.connect)
                with about(device_id=own.client_id if own else ""):
                    log.error("a device was hung up on", exc_info=result)
        if Held in map(type, results):
            await self._hold(device)
        else:
            await device.end()

    async def _pass(self, read_from: Line, interpreter: Interpreter, device: Line, broker: Line) -> None:
        debts = Debts()
        while True:
            packet = await read_packet(read_from.read, LARGEST)
            if read_from is device and (look := interpreter.look_first(packet)):
                await _look(look)
            said = interpreter.hear_device(packet) if read_from is device else interpreter.hear_broker(packet)
            if read_from is device and said.to_device:
                await _keep_pace(debts)
            await broker.send(*said.to_broker)
            await device.send(*said.to_device)
            if said.ends:
                raise EOFError if said.to_device else Held

    async def _hold(self, device: Line) -> None:
        """Let it wait before it is hung up on."""
        if self._held < MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(HELD_SECONDS)
            finally:
                self._held -= 1
        await device.end()


async def _look(look: Callable[[], None]) -> None:
    """Ask the database, which may be away: then the device is held, and says it again when it is back. Raises Held."""
    try:
        await ask(look)
    except Error as error:
        log.warning("for whom a gateway speaks can't be looked up: %s", error)
        raise Held from None


async def _keep_pace(debts: Debts) -> None:
    """Take the next one later from a device that asks too much of what the broker never hears of."""
    limit = settings.MQTT_CONNECTION_LIMIT
    if debts.add("asked", time.monotonic(), limit=limit) is not Pace.WITHIN:
        await asyncio.sleep(settings.MQTT_LIMIT_SECONDS / limit)
