"""A process of interpreters, for devices that speak their vendor's MQTT; what it does not know it passes on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from devices.broker.interpreter.callers import Caller
from devices.broker.interpreter.proxied import read_header
from devices.broker.interpreter.relay import ENDED, LARGEST_CONNECT, Line, Plain, Relay, find_interpreter
from devices.mqtt.packets import read_packet

if TYPE_CHECKING:
    from devices.broker.interpreter.callers import Doors

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0


async def serve(
    host: str,
    port: int,
    broker_host: str,
    broker_port: int,
    stopping: asyncio.Event,
    *,
    doors: Doors,
    proxied: bool = False,
) -> None:
    """Serve until told to stop; connections end with it, and devices come back. Where they are `proxied`, each begins
    with who it comes from. Raises OSError."""
    relay = Relay(broker_host, broker_port, doors)
    connections: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        caller = None if proxied else Caller(peer[0] if peer else "")
        task = asyncio.create_task(_host(relay, Line.of(reader, writer), caller))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(begin, host, port)
    log.info("interpreting on %s:%d for the broker at %s:%d", host, port, broker_host, broker_port)
    await stopping.wait()
    server.close()
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


async def _host(relay: Relay, device: Line, caller: Caller | None) -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            caller = caller or await read_header(device.read)
            greeting = await read_packet(device.read, LARGEST_CONNECT)
    except ENDED as error:
        log.debug("no client: %r", error)  # a health probe, say
        await device.end()
        return
    await relay.serve(device, find_interpreter(greeting) or Plain(greeting), caller)
