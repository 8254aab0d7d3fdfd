"""Decorators of views."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.http import HttpResponseRedirect
from django.urls import reverse

from lib.refusal_pages import remember_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    View = Callable[..., HttpResponseBase]


def redirect_unless_posted(*, back: str) -> Callable[[View], View]:
    """Decorate an address that is posted to: who comes by GET (a reload, a new sign-in) is led `back`, and what it
    refuses is shown there."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            page = reverse(back, kwargs=kwargs)
            if request.method != "POST":
                return HttpResponseRedirect(page)
            remember_page(request, page)
            return view(request, **kwargs)

        return wrapper

    return decorate
