from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import certificates

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Make the TLS end's certificate, signed by an authority of one's own that devices are to trust."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME", help="host name, '*.' and a host name, or address")
        folder = Path(settings.VAR_DIR) / "tls"
        parser.add_argument("--folder", type=Path, default=folder, help=f"where the files are: {folder}")

    def handle(self, *args: Any, names: list[str], folder: Path, **options: Any) -> None:
        try:
            file = certificates.renew_certificate(folder, names)
        except ValueError as error:
            raise CommandError(f"No certificate for {', '.join(names)}: {error}", returncode=2) from None
        except OSError as error:
            raise CommandError(f"{error.filename} can't be written: {error.strerror}", returncode=2) from None
        self.stdout.write(f"{file}: certificate and key of the TLS end, for {certificates.SERVER_LASTS.days} days")
        self.stdout.write(f"{folder / certificates.AUTHORITY}: what devices are to trust")
