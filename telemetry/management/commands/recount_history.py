from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from devices.models import Device
from telemetry.history import roller

if TYPE_CHECKING:
    from argparse import ArgumentParser

PATIENCE = 120.0  # seconds for the worker that sums just now


class Command(BaseCommand):
    help = "Sum anew what devices reported from one day to another, where charts read sums: after reports were changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("first", help="The first day, in UTC: 2026-01-31.")
        parser.add_argument("last", help="The last day.")
        parser.add_argument("--device", help="The device's ID; all devices for none.")

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = read_day(options["first"]), read_day(options["last"]) + timedelta(days=1)
        if end <= start:
            raise CommandError("The last day is before the first.")
        devices = None
        if options["device"]:
            devices = list(Device.objects.filter(device_id=options["device"]).values_list("pk", flat=True))
            if not devices:
                raise CommandError(f"There is no device “{options['device']}”.")
        until = time.monotonic() + PATIENCE
        while not roller.recount(int(start.timestamp()), int(end.timestamp()), devices):
            if time.monotonic() > until:
                raise CommandError("A worker sums what is reported. Try again later.")
            time.sleep(1)
        self.stdout.write("Done.")


def read_day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"“{text}” is no day. Write it like 2026-01-31.") from None
