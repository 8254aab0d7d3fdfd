from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.api_docs.refusals import write_page


class Command(BaseCommand):
    help = "Write docs/refusals.md: every refusal, in the words of pages and API."

    def handle(self, *args: Any, **options: Any) -> None:
        page = Path(settings.BASE_DIR) / "docs" / "refusals.md"
        page.write_text(write_page())
        self.stdout.write(f"{page} is written.")
