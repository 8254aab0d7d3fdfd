from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import credentials_file, organisations, places

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Make the demo's organisations, accounts and devices, and the factory's file of their credentials."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fleet", type=int, default=0, metavar="N", help="N more devices to simulate, for load")

    def handle(self, *args: Any, fleet: int, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo accounts have a known password: only with DEMO=1, never in production.")
        file = settings.VAR_DIR / "demo" / "devices.csv"
        devices = organisations.load_organisations(fleet=fleet)
        credentials_file.renew_file(file, devices)
        places.renew_places(file.parent / places.FILE, devices, organisations.list_homes())
        self.stdout.write(f"{len(devices)} demo devices; their credentials are in {file}")
