from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.mqtt_doors import DOORS
from devices.broker.interpreter.server import serve
from devices.mqtt import client
from lib import metrics

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it has no pages: to be there again soon matters more
    help = "Lets devices that speak their vendor's MQTT connect to the broker. See docs/operations.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=1884)
        parser.add_argument("--broker", default="", help="mqtt://host:port (default: MQTT_URL's)")

        help_text = "the front says who connects (PROXY protocol, version 2); nobody else may reach the port"
        parser.add_argument("--proxied", action="store_true", help=help_text)

    def handle(self, *args: Any, host: str, port: int, broker: str, proxied: bool, **options: Any) -> None:
        to = client.parse_address(broker or settings.MQTT_URL)
        if to.tls:
            raise CommandError("It reaches the broker without TLS, inside your net. Give mqtt://host:port by --broker.")
        metrics.listen()
        uvloop.run(_serve(host, port, to.host, to.port, proxied=proxied))


async def _serve(host: str, port: int, broker_host: str, broker_port: int, *, proxied: bool) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(host, port, broker_host, broker_port, stopping, doors=DOORS, proxied=proxied)
