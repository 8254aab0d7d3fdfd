from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.resealing import count_claim_codes, reseal_all


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "After a change of SECRET_KEY, seal what is kept under it anew. See docs/operations.md, Secrets."

    def handle(self, *args: Any, **options: Any) -> None:
        lost = 0
        for done in reseal_all():
            self.stdout.write(f"{done.what}: {done.anew} sealed anew, {done.kept} were, {done.lost} can't be opened")
            lost += done.lost
        if codes := count_claim_codes():
            self.stdout.write(
                f"{codes} claim codes are not spent. They are digests: those from before the change are taken while "
                "the former key is among SECRET_KEY_FALLBACKS."
            )
        if lost:
            raise CommandError(
                f"{lost} can't be opened: put the key of their time into SECRET_KEY_FALLBACKS, and begin again; "
                "or have them made anew."
            )
