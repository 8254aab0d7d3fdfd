"""Links that reset a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.tokens import PasswordResetTokenGenerator

if TYPE_CHECKING:
    from tenants.models import User


class ResetTokens(PasswordResetTokenGenerator):
    """Bind Django's tokens to the epoch too: signing out everywhere ends links that are on their way.

    allauth's own writes a row for the address whenever anybody asks for a link, which then stands in the way of the
    second factor.
    """

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.epoch}"
