"""Addresses that are posted to."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from tenants.access import SignedIn

    View = Callable[..., HttpResponse]


def posted(*, back: str) -> Callable[[View], View]:
    """For addresses that are posted to. Whoever comes by GET (after signing in again, by a reload) is led `back`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: SignedIn, **kwargs: Any) -> HttpResponse:
            return view(request, **kwargs) if request.method == "POST" else redirect(back, **kwargs)

        return guarded

    return decorate
