from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from devices.broker import sessions

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    help = "Says whether the broker lost the consumer's session, and takes note that you have seen it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seen", action="store_true", help="healthz need not tell it any longer")

    def handle(self, *args: Any, seen: bool, **options: Any) -> None:
        lost_at = sessions.find_loss()
        if lost_at is None:
            self.stdout.write("The broker has kept the consumer's session.")
        else:
            self.stdout.write(f"At {lost_at:%Y-%m-%d %H:%M:%S} UTC {sessions.LOST}")
        if seen and sessions.mark_seen():
            self.stdout.write("Noted: healthz tells it no longer.")
