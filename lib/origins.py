"""Under which addresses the site is known: scheme and host of a request, and those that its operator named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


def asked(request: HttpRequest | Request) -> str:
    """Return what was asked, which may be any `Host` that the site answers to."""
    return f"{request.scheme}://{request.get_host()}"


def named(request: HttpRequest | Request) -> str:
    """Return the first of `SITE_URLS`, for what leaves the site; without one, as in the demo, what was asked."""
    names: list[str] = settings.SITE_URLS
    return names[0].rstrip("/") if names else asked(request)


def known(request: HttpRequest | Request) -> list[str]:
    """Return all that a label may hold before a serial."""
    return [asked(request), *settings.SITE_URLS]
