"""A door's log on its page, which goes on by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices import streams
from provisioning.doors.access import get_door
from provisioning.doors.door_log import read_log, write_version
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.accounts.sessions import SignIn

LOOKS = 2.0  # seconds between two looks: nothing announces what strangers do


@require_safe
@login_required
@never_cache
def door_log(request: SignedIn, key: UUID) -> HttpResponse:
    door = get_door(request.user, key)
    log = read_log(door)
    return render(
        request, "provisioning/doors/_log.html", {"door": door, "log": log, "log_version": write_version(log)}
    )


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    """Stream that something happened at the door."""

    def look(user: User, sign_in: SignIn) -> streams.Topic:
        return streams.Topic(f"door:{get_door(user, key).pk}", partial(check_log, sign_in.get_user, key))

    return await streams.serve(request, look)


def check_log(get_user: Callable[[], User], key: UUID) -> streams.Seen | None:
    try:
        door = get_door(get_user(), key)
    except Http404:
        return None
    return streams.Seen(write_version(read_log(door)), LOOKS)
