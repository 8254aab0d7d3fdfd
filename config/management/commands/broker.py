from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

import uvloop
from django.core.management.base import BaseCommand

from config.mqtt_doors import DOORS
from devices.broker.embedded.broker import EmbeddedBroker

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    help = "The demo's MQTT broker, for a few hundred devices. In production, run a real one: docs/operations.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=os.environ.get("MQTT_PORT", "1883"))

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.WARNING)
        uvloop.run(_serve(host, port))


async def _serve(host: str, port: int) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    broker = EmbeddedBroker(host, port, DOORS)
    await broker.start()
    await stopping.wait()
    await broker.shutdown()
