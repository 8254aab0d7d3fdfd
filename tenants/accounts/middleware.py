from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django_htmx.http import HttpResponseClientRedirect

from tenants.accounts import sessions
from tenants.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

STREAM = "text/event-stream"
OWN = {
    "tenants:account",
    "tenants:sessions",
    "tenants:session-end",
    "tenants:sessions-end-others",
    "tenants:sign-out-everywhere",
    "tenants:leave",
    "tenants:theme",
    "tenants:logo",
    "tenants:invitation",
    "tenants:join",
    "tenants:accept",
}
"""One's own account, in which no group is seen. Signing in, the second factor and what is the same for everybody
have names without a room."""


class Activity(MiddlewareMixin):
    """Keep a session alive while its person uses it. What a page fetches by itself says so, and does not count."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        by_itself = "X-Background" in request.headers or response.headers.get("Content-Type", "").startswith(STREAM)
        if not by_itself:
            sessions.extend_session(request)
        return response


class SecondFactor(MiddlewareMixin):
    """Lead people whose organisation asks for a second factor to where it is set up. Without it they reach nothing
    anyway (`User.grants`), nor do their tokens."""

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponseBase | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in OWN or ":" not in name or request.path.startswith("/api/"):
            return None
        if SESSION_KEY not in request.session or not isinstance(request.user, User):
            return None
        if not request.user.lacks_second_factor:
            return None
        messages.warning(request, "Your organisation asks for two-factor sign-in: set it up to go on.")
        to = reverse("mfa_activate_totp")
        return HttpResponseClientRedirect(to) if getattr(request, "htmx", False) else redirect(to)
