"""A process of interpreters, for devices that speak their vendor's MQTT; what it does not know it passes on."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from devices.broker.interpreter.callers import Caller
from devices.broker.interpreter.plain import Plain
from devices.broker.interpreter.proxied import read_header
from devices.broker.interpreter.relay import ENDED, LARGEST, Line, Relay, find_interpreter
from devices.mqtt.packets import read_packet
from lib import trusted_proxies
from lib.private_socket import listen_privately

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
    path: str = "",
) -> None:
    """Serve until told to stop; connections end with it, and devices come back. Where they are `proxied`, each begins
    with who it comes from; by which certificate, is believed of `TRUSTED_PROXIES`. With a path it serves a socket
    there, which its owner alone can open, instead of a port. Raises OSError."""
    relay = Relay(broker_host, broker_port, doors)
    connections: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        trusted = trusted_proxies.is_trusted_peer(peer[0] if peer else None)
        caller = None if proxied else Caller(peer[0] if peer else "")
        task = asyncio.create_task(_host(relay, Line.of(reader, writer), caller, trusted=trusted))
        connections.add(task)
        task.add_done_callback(connections.discard)

    if path:
        server = await asyncio.start_unix_server(begin, sock=listen_privately(Path(path)))
    else:
        server = await asyncio.start_server(begin, host, port)
    log.info("interpreting on %s for the broker at %s:%d", path or f"{host}:{port}", broker_host, broker_port)
    await stopping.wait()
    server.close()
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
    if path:
        Path(path).unlink(missing_ok=True)


async def _host(relay: Relay, device: Line, caller: Caller | None, *, trusted: bool) -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            caller = caller or (await read_header(device.read))._replace(is_proved=trusted)
            greeting = await read_packet(device.read, LARGEST)
    except ENDED as error:
        log.debug("no client: %r", error)  # a health probe, say
        await device.end()
        return
    found = find_interpreter(greeting, by_certificate=bool(caller.certificate))
    await relay.serve(device, found or Plain(greeting), caller)
