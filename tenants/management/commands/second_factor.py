from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from tenants.accounts import second_factor
from tenants.models import User

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Turn two-factor sign-in off for somebody who lost phone and recovery codes. Make sure first that it is them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--off", action="store_true", required=True)

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no account {email}: check the address.")
        if not second_factor.turn_off(user=user):
            raise CommandError(f"{user.email} has no second factor; nothing was done.")
        self.stdout.write(f"{user.email} signs in with the password alone now, and is signed out everywhere.")
