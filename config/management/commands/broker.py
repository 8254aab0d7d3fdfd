from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

import uvloop
from django.core.management.base import BaseCommand

from config.mqtt_doors import DOORS
from devices.broker.embedded.broker import EVERYWHERE, EmbeddedBroker
from devices.broker.interpreter.server import serve

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it has no pages: to be there again soon matters more
    help = "The demo's MQTT broker, for a few hundred devices. In production, run a real one: docs/operations.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=os.environ.get("MQTT_PORT", "1883"))
        help_text = "a socket of its own for what ends TLS, which says who connects (PROXY protocol, version 2)"
        parser.add_argument("--tls-socket", default="", help=help_text)

    def handle(self, *args: Any, host: str, port: int, tls_socket: str, **options: Any) -> None:
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.WARNING)
        uvloop.run(_serve(host, port, tls_socket))


async def _serve(host: str, port: int, tls_socket: str) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    broker = EmbeddedBroker(host, port, DOORS)
    await broker.start()
    if tls_socket:
        reached = "127.0.0.1" if host in EVERYWHERE else host
        await serve("", 0, reached, port, stopping, doors=DOORS, proxied=True, path=tls_socket)
    await stopping.wait()
    await broker.shutdown()
