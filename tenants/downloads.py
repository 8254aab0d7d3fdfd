"""So many files at once for each person and organisation."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.shortcuts import render

from lib.places import Bound, Place, Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.models import User

    View = Callable[..., HttpResponseBase]

RETRY_SECONDS = 10


going = Places()


def take_place(user: User) -> Place | Bound:
    """Take a place for a download of theirs, or return the bound that has none.

    A file that is cut looks whole to many a program: the newest is refused, before anything is made or taken, rather
    than the oldest ended.
    """
    return going.take(
        Bound("person", user.pk, settings.DOWNLOADS_PERSON),
        Bound("organisation", user.organisation_id, settings.DOWNLOADS_ORGANISATION, user.tenant),
    )


def hold_place(place: Place, answer: HttpResponseBase) -> HttpResponseBase:
    """Return the answer; what is still to be made keeps the place until it is sent."""
    if answer.streaming:
        return place.held_by(answer)
    place.end()
    return answer


def limit_downloads(view: View) -> View:
    """Decorate a page that answers with a file, below what asks for signing in; 429 where no place is left."""

    @wraps(view)
    def wrapper(request: SignedIn, **kwargs: Any) -> HttpResponseBase:
        place = take_place(request.user)
        if isinstance(place, Bound):
            refusal = render(request, "429_downloads.html", {"bound": place}, status=429)
            refusal["Retry-After"] = str(RETRY_SECONDS)
            return refusal
        try:
            return hold_place(place, view(request, **kwargs))
        except BaseException:
            place.end()
            raise

    return wrapper
