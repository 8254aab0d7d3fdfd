"""Under which addresses the site is known: scheme and host of a request, and those that its operator named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


def get_request_origin(request: HttpRequest | Request) -> str:
    """Return `scheme://host` of a request, which may be any `Host` that the site answers to."""
    return f"{request.scheme}://{get_requested_host(request)}"


def get_requested_host(request: HttpRequest | Request) -> str:
    """Return the host that was asked for, with its port. Raises DisallowedHost where the site does not answer to it."""
    return request.get_host()


def get_site_origin(request: HttpRequest | Request) -> str:
    """Return the first of `SITE_URLS`, for what leaves the site; without one, as in the demo, what was asked."""
    names: list[str] = settings.SITE_URLS
    return names[0].rstrip("/") if names else get_request_origin(request)


def list_label_origins(request: HttpRequest | Request) -> list[str]:
    """Return all that a label may hold before a serial."""
    return [get_request_origin(request), *settings.SITE_URLS]
