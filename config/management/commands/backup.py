from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from config.backups.archive import Unusable
from config.backups.operations import back_up

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Write the database into a file, of one moment, while the site goes on. See docs/operations.md, Backups."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            manifest = back_up(file)
        except Unusable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{file}: {manifest.size:,} bytes of {manifest.vendor}, SHA-256 {manifest.sha256}.")
        self.stdout.write("Not in it: SECRET_KEY and the rest of .env, certificates, and what waits in the broker.")
