"""Telling people what happened to their account. No secret is in it, so a worker sends it, and again if it must."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPNotSupportedError, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.functions import Now
from django.template.loader import render_to_string

from tenants.models import AccountEvent

log = logging.getLogger(__name__)

AT_ONCE = 100
GIVES_UP_AFTER = timedelta(days=1)
FOR_GOOD = 500  # https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
CONSOLE = "django.core.mail.backends.console.EmailBackend"
SUBJECTS = {
    AccountEvent.Kind.SIGNED_IN: "Your account was signed in to from a new browser",
    AccountEvent.Kind.PASSWORD_CHANGED: "Your password was changed",
    AccountEvent.Kind.PASSWORD_RESET: "Your password was reset",
    AccountEvent.Kind.TWO_FACTOR_ON: "Two-factor sign-in was turned on",
    AccountEvent.Kind.TWO_FACTOR_OFF: "Two-factor sign-in was turned off",
    AccountEvent.Kind.CODES_MADE: "New recovery codes were made",
    AccountEvent.Kind.TOKENS_REVOKED: "API tokens of yours were revoked",
}


def is_mail_configured() -> bool:
    """Decide whether mail goes anywhere; without EMAIL_URL it is printed, which is for links in a demo."""
    return bool(settings.EMAIL_BACKEND != CONSOLE)


def send_due() -> int:
    """Send what waits, each by one worker; return how many left.

    A server that is away is asked again later, for a day; so is one that refuses a mail for now, and one refused for
    good is given up. Nobody else waits behind either.
    """
    sent = 0
    for event in AccountEvent.objects.filter(unsent=True).select_related("user").order_by("pk")[:AT_ONCE]:
        waiting = AccountEvent.objects.filter(pk=event.pk, unsent=True)
        if waiting.update(unsent=False) != 1:
            continue
        try:
            _send_mail(event)
            sent += 1
        except (OSError, SMTPException, ValueError) as error:
            log.warning("account mail %s not sent: %s", event.pk, type(error).__name__)
            code = get_refusal_code(error)
            if code is None or code < FOR_GOOD:
                AccountEvent.objects.filter(pk=event.pk, at__gt=Now() - GIVES_UP_AFTER).update(unsent=True)
            if code is None:
                break
    return sent


def get_refusal_code(error: Exception) -> int | None:
    """Return the server's code for this one mail; None if the error is about the server itself."""
    if isinstance(error, SMTPRecipientsRefused):
        return int(next(iter(error.recipients.values()))[0])
    if isinstance(error, SMTPDataError):
        return int(error.smtp_code)
    return FOR_GOOD if isinstance(error, (SMTPNotSupportedError, ValueError)) else None


def _send_mail(event: AccountEvent) -> None:
    if event.user is None:
        return
    subject = SUBJECTS[AccountEvent.Kind(event.kind)]
    site = next(iter(settings.SITE_URLS), "").rstrip("/")
    text = render_to_string("tenants/accounts/email/account.txt", {"event": event, "subject": subject, "site": site})
    EmailMessage(subject, text, to=[event.user.email]).send()
