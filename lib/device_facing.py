"""What devices call over HTTP is apart from pages and from people's API: no session, no cookie, no CSRF, no policies.

A view that is marked so answers by itself, its errors included; of the site's middleware only what comes before
`DeviceFacing` sees the request.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, TypeVar

from asgiref.sync import async_to_sync
from django.urls import Resolver404, resolve
from django.utils.deprecation import MiddlewareMixin

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from django.urls import ResolverMatch

View = TypeVar("View", bound="Callable[..., object]")


def mark_device_facing(view: View) -> View:
    view.device_facing = view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


class DeviceFacing(MiddlewareMixin):
    """Answer what devices ask, past everything that is there for people."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        match = _find_match(request)
        if match is None or (iscoroutinefunction(match.func) and self.async_mode):
            return None
        view = async_to_sync(match.func) if iscoroutinefunction(match.func) else match.func
        return _finish(view(request, *match.args, **match.kwargs))

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        match = _find_match(request)
        if match is None or not iscoroutinefunction(match.func):
            answered: HttpResponseBase = await super().__acall__(request)
            return answered
        return _finish(await match.func(request, *match.args, **match.kwargs))


def _find_match(request: HttpRequest) -> ResolverMatch | None:
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    if not getattr(match.func, "device_facing", False):
        return None
    request.resolver_match = match
    return match


def _finish(answer: HttpResponseBase) -> HttpResponseBase:
    if not answer.streaming:
        answer["Content-Length"] = str(len(answer.content))  # type: ignore[attr-defined]
    return answer
