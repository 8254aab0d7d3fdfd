"""Whose browser signed in here before: strangers who guess passwords lock themselves out, and not that browser.

https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import ipaddress
import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import signing
from django.utils.crypto import salted_hmac

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

SALT = "known-device"
LASTS = 365 * 86_400  # seconds
ACCOUNTS = 5  # that one browser is known for
PREFIXES = {4: 24, 6: 48}  # bits of an address by which its network counts


def cookie_name() -> str:
    return "__Host-device" if settings.SESSION_COOKIE_SECURE else "device"


def find_device(request: HttpRequest, email: str) -> str | None:
    """Return the browser's own name for this account, if somebody signed in to it there."""
    return _read_cookie(request).get(_hash_email(email))


def list_devices(request: HttpRequest) -> list[str]:
    """Return the browser's names for all accounts that it is known for."""
    return list(_read_cookie(request).values())


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    known = _read_cookie(request)
    known = {**known, _hash_email(email): known.get(_hash_email(email)) or secrets.token_urlsafe(12)}
    value = signing.dumps(dict(list(known.items())[-ACCOUNTS:]), salt=SALT)
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(cookie_name(), value, max_age=LASTS, secure=secure, httponly=True, samesite="Lax")


def network(address: str | None) -> str:
    """Return the part of an address that one customer of a provider has: /24, or /48 of IPv6."""
    try:
        number = ipaddress.ip_address(address or "")
    except ValueError:
        return "none"
    return str(ipaddress.ip_network(f"{number}/{PREFIXES[number.version]}", strict=False))


def _read_cookie(request: HttpRequest) -> dict[str, str]:
    try:
        known = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=LASTS)
    except signing.BadSignature:
        return {}
    return known if isinstance(known, dict) else {}


def _hash_email(email: str) -> str:
    return salted_hmac(SALT, email.strip().lower()).hexdigest()[:16]
