"""Under which address the site is named in what leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


def named(request: HttpRequest | Request) -> str:
    """The first of `SITE_URLS`, since whoever asks may say any `Host`; without one, as in the demo, what was asked."""
    names: list[str] = settings.SITE_URLS
    return names[0].rstrip("/") if names else f"{request.scheme}://{request.get_host()}"
