from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.broker.gate import Gate
from lib import metrics

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

BACKLOG = 4096
STOP_SECONDS = 10


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it has no pages: to be there again soon matters more
    help = "Answers the broker's questions: who may connect, publish, subscribe. Several may run (docs/operations.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8010)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        if not settings.BROKER_AUTH_SECRET:
            raise CommandError("Set BROKER_AUTH_SECRET, the secret that the broker proves itself with.")
        metrics.listen()
        uvicorn.run(
            Gate(),
            host=host,
            port=port,
            backlog=BACKLOG,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
