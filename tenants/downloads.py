"""What is made while it is sent, step by step, to readers who may be slow or leave; so many at once for each person."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.shortcuts import render

from lib.places import Bound, Place, Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.models import User

    View = Callable[..., HttpResponseBase]

STEPS = 2  # that are made at once in a process: a step keeps the processor from pages
RETRY_SECONDS = 10

P = ParamSpec("P")
R = TypeVar("R")


def give_back() -> None:
    """This thread's connection, to the pool where there is one; not in the midst of a transaction."""
    if not connection.in_atomic_block:
        close_old_connections()


async def step(make: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In the request's thread; until the next step its connection to the database is for others. So a step leaves no
    cursor open."""

    def one() -> R:
        try:
            return make(*args, **kwargs)
        finally:
            give_back()

    async with _steps.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(STEPS)):
        return await sync_to_async(one)()


_steps: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def let_thread_go() -> None:
    """End this request's thread, if it has one; what needs one makes another. A slow reader then keeps none."""
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)


going = Places()


def take(user: User) -> Place | Bound:
    """Take a place for a download of theirs, or return the bound that has none.

    A file that is cut looks whole to many a program: the newest is refused, before anything is made or taken, rather
    than the oldest ended.
    """
    return going.take(
        Bound("person", user.pk, settings.DOWNLOADS_PERSON),
        Bound("organisation", user.organisation_id, settings.DOWNLOADS_ORGANISATION, user.tenant),
    )


def hold(place: Place, answer: HttpResponseBase) -> HttpResponseBase:
    """Return the answer; what is still to be made keeps the place until it is sent."""
    if answer.streaming:
        return place.held_by(answer)
    place.end()
    return answer


def bounded(view: View) -> View:
    """For pages that answer with a file, below what asks for signing in."""

    @wraps(view)
    def guarded(request: SignedIn, **kwargs: Any) -> HttpResponseBase:
        place = take(request.user)
        if isinstance(place, Bound):
            refusal = render(request, "429_downloads.html", {"bound": place}, status=429)
            refusal["Retry-After"] = str(RETRY_SECONDS)
            return refusal
        try:
            return hold(place, view(request, **kwargs))
        except BaseException:
            place.end()
            raise

    return guarded
