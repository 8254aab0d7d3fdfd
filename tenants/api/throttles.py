"""How many requests are answered: counted in Redis over whole minutes; nobody is refused while Redis is away.

A token has a share of its person's, a person of the tenant's (the group right below the organisation), a tenant of the
organisation's. What is refused at one is not counted at those above it. Where one above is used up, whoever took less
than a tenth of it is answered all the same: so nobody can close the door for others.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from rest_framework.throttling import BaseThrottle

from tenants.models import User

if TYPE_CHECKING:
    from rest_framework.request import Request

FLOOR = 10  # a part of what is above: one in so many
OWN = ("token", "person")  # the rest would tell how busy others are


class Share(NamedTuple):
    name: str
    who: str
    quota: int


class Shares(BaseThrottle):
    """Count the request, and leave in `request.limits`, for the headers, what is the caller's own of that."""

    left = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, User):
            return True
        span = settings.API_LIMIT_SECONDS
        window, passed = divmod(int(time.time()), span)
        self.left = span - passed
        own, is_allowed, limits = 0, True, []
        for share in _list_shares(request, request.user):
            count = count_request(f"api-limit:{share.name}:{share.who}:{window}", span * 2)
            if share.name in OWN:
                limits.append((share.name, share.quota, max(0, share.quota - count), self.left))
                own = count
            if count > share.quota and (share.name in OWN or own > share.quota // FLOOR):
                is_allowed = False
                break
        django_request: Any = request._request
        django_request.limits = limits
        return is_allowed

    def wait(self) -> float:
        return float(self.left)


def _list_shares(request: Request, user: User) -> tuple[Share, ...]:
    """Return what the request counts for, from the narrowest. A browser is the token of its person."""
    token = f"token-{request.auth.pk}" if request.auth is not None else f"user-{user.pk}"
    return (
        Share("token", token, settings.API_TOKEN_LIMIT),
        Share("person", str(user.pk), settings.API_PERSON_LIMIT),
        Share("tenant", f"{user.organisation_id}-{user.tenant}", settings.API_TENANT_LIMIT),
        Share("organisation", str(user.organisation_id), settings.API_ORGANISATION_LIMIT),
    )


def build_headers(limits: list[tuple[str, int, int, int]]) -> dict[str, str]:
    """Return the headers of https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html"""
    span = settings.API_LIMIT_SECONDS
    return {
        "RateLimit-Policy": ", ".join(f'"{name}";q={quota};w={span}' for name, quota, _, _ in limits),
        "RateLimit": ", ".join(f'"{name}";r={remaining};t={left}' for name, _, remaining, left in limits),
    }


def count_request(key: str, seconds: int) -> int:
    """Count the request in its window of `seconds`; return its number, 0 while nobody counts."""
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key)
    except ValueError:  # went between the two
        return 0
