from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from config.backups.archive import Unusable
from config.backups.operations import find_missing_migrations, restore

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Bring the database of a backup back, all of it or nothing. See docs/operations.md, Backups."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="throw away what is in the database now")
        parser.add_argument("--without-key", action="store_true", help="though the SECRET_KEY of then is lost")

    def handle(self, *args: Any, file: Path, replace: bool, without_key: bool, **options: Any) -> None:
        try:
            manifest = restore(file, replace=replace, without_key=without_key)
        except Unusable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Restored what was there at {manifest.made_at}. Everybody signs in anew.")
        if missing := find_missing_migrations():
            self.stdout.write(f"This release has {missing} more migrations: run manage.py migrate before you start it.")
        self.stdout.write("What was revoked or used since then: docs/operations.md, Backups.")
