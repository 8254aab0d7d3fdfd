"""Asking for a link that resets the password: the same work whether there is such an account or not."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm

from tenants.models import User


def make_nobody(email: str) -> User:
    """Return an unsaved user in place of an account that is not there; what is written to it is not sent."""
    return User(pk=0, email=email, password="!")  # noqa: S106


class ResetForm(ResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email: str = get_adapter().clean_email(self.cleaned_data["email"].strip().lower())
        self.users = list(User.objects.filter(email=email, is_active=True)) or [make_nobody(email)]
        return email
