"""How allauth signs people in here: invited people only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from allauth.mfa.adapter import DefaultMFAAdapter
from django.db import transaction
from django.urls import reverse

from lib import background, origins
from tenants.accounts import events, known_devices, sealing
from tenants.models import AccountEvent, User
from tenants.people import operations as people
from tenants.push import operations as push

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


Kind = AccountEvent.Kind
TOO_MANY_CODES = "Too many wrong codes in a short time. Wait five minutes, then enter the one that the app shows."


def _list_attempts(email: str, device: str | None, network: str) -> list[tuple[str, str]]:
    if device:
        return [("login_failed_known", f"{email}|{device}")]
    return [("login_failed", f"{email}|{network}"), ("login_failed_account", email)]


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
        "too_many_passwords": "Too many wrong passwords in a short time. Wait a few minutes and try again, or use "
        "a phone or computer on which you signed in before.",
        # Of the second factor, as allauth calls them: when it is asked for, and when it is set up.
        "too_many_login_attempts": TOO_MANY_CODES,
        "rate_limited": TOO_MANY_CODES,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt: of a browser that is known for itself, of others by network and, together, by account."""
        email = str(credentials.get("email", "")).strip().lower()
        device = known_devices.find_device(request, email)
        counted = RateLimitUsage(usage=[])
        for action, key in _list_attempts(email, device, known_devices.network(events.address_of(request))):
            usage = ratelimit.consume(request, app="allauth.account", action=action, key=key)
            if usage is None:
                raise self.validation_error("too_many_passwords")
            counted.usage += usage.usage
        self._login_failed_rl_usage = counted

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        events.record_sign_in(user)
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        push.follow(
            user=user,
            session=request.session.session_key or "",
            browser=known_devices.find_device(request, user.email) or "",
            browsers=known_devices.list_devices(request),
        )
        known_devices.remember(request, answer, user.email)
        return answer

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write it now and send it after the answer: an address without an account is not told by the time."""
        message = self.render_mail(template_prefix, email, {"request": self.request, "email": email, **context})
        user: User | None = context.get("user")
        if user is None or user.pk:
            background.run(message.send)

    def get_reset_password_from_key_url(self, key: str) -> str:
        parts = {"uidb36": "UID", "key": "KEY"}
        path = reverse("account_reset_password_from_key", kwargs=parts).replace("UID-KEY", quote(key))
        return origins.get_site_origin(self.request) + path

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the attempt, with the same work for an address that has no account."""
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
        """Store a password that the person set: signed in, or with a mailed link. Sign them out everywhere."""
        own = self.request is not None and self.request.user == user
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
