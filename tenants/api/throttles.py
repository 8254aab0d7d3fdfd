"""How many requests are answered: counted in Redis over whole minutes; nobody is refused while Redis is away."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.cache import cache
from rest_framework.throttling import BaseThrottle

from tenants.models import User

if TYPE_CHECKING:
    from rest_framework.request import Request


class Limit(BaseThrottle, ABC):
    """Leaves what it counted in `request.limits`, for the headers."""

    name: ClassVar[str]
    left = 0

    @abstractmethod
    def of(self, request: Request, user: User) -> tuple[str, int]:
        """Who is counted, and up to how many."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, User):
            return True
        who, quota = self.of(request, request.user)
        self.span = settings.API_LIMIT_SECONDS
        window, passed = divmod(int(time.time()), self.span)
        self.left = self.span - passed
        count = _count(f"api-limit:{self.name}:{who}:{window}", self.span * 2)
        sent: Any = request._request
        sent.limits = [*getattr(sent, "limits", ()), (self.name, quota, max(0, quota - count), self.left)]
        return count <= quota

    def wait(self) -> float:
        return float(self.left)


class TokenLimit(Limit):
    """Of a token, or of a person's browser."""

    name = "token"

    def of(self, request: Request, user: User) -> tuple[str, int]:
        who = f"token-{request.auth.pk}" if request.auth is not None else f"user-{user.pk}"
        return who, settings.API_TOKEN_LIMIT


class OrganisationLimit(Limit):
    name = "organisation"

    def of(self, request: Request, user: User) -> tuple[str, int]:
        return str(user.organisation_id), settings.API_ORGANISATION_LIMIT


def headers(limits: list[tuple[str, int, int, int]]) -> dict[str, str]:
    """https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html"""
    span = settings.API_LIMIT_SECONDS
    return {
        "RateLimit-Policy": ", ".join(f'"{name}";q={quota};w={span}' for name, quota, _, _ in limits),
        "RateLimit": ", ".join(f'"{name}";r={remaining};t={left}' for name, _, remaining, left in limits),
    }


def _count(key: str, seconds: int) -> int:
    """This request's number in its window; 0 while nobody counts."""
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key)
    except ValueError:  # went between the two
        return 0
