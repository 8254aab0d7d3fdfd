"""Tokens, made for a door that devices share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from lib.decorators import redirect_unless_posted
from provisioning.doors.access import get_door
from provisioning.doors.profile import operations
from provisioning.models import Door

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from tenants.access import SignedIn


@login_required
@never_cache
@redirect_unless_posted(back="provisioning:door")
def make_token(request: SignedIn, key: UUID) -> HttpResponse:
    """Make a token; the answer shows it, this once."""
    door = get_door(request.user, key, kind=Door.Kind.PROFILE)
    _, token = operations.make_token(door=door, by=request.user)
    context = {"door": door, "secret": token, "what": "token", "keep": "in devices, where it can be changed"}
    return render(request, "provisioning/doors/door_secret.html", context)
