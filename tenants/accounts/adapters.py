"""How allauth signs people in here: invited people only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.db import transaction

from tenants import people
from tenants.accounts import events, sealing
from tenants.models import AccountEvent, User

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


Kind = AccountEvent.Kind


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code does not fit. Enter the one that the app shows now, and check its clock.",
    }

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text)


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "E-mail or password is wrong. Try again, or reset the password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        events.record_sign_in(user)
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        return answer

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """The same work for an address that has no account."""
        email = str(credentials.get("email", "")).strip().lower()
        events.record(Kind.REFUSED, user=User.objects.filter(email=email).first())

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        events.record(Kind.DISABLED, user=user)
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            events.record(Kind.SIGNED_OUT, user=request.user)
        super().logout(request)

    def set_password(self, user: User, password: str) -> None:
        """By the person alone: signed in, or with a mailed link."""
        own = self.request.user == user
        with transaction.atomic():
            events.record(Kind.PASSWORD_CHANGED if own else Kind.PASSWORD_RESET, user=user, mail=True)
            people.end_sessions(user=user, by=user)
            user.refresh_from_db(fields=["epoch"])
            user.set_password(password)
            user.save(update_fields=["password"])

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # no address at all, such as http://[
            return False
