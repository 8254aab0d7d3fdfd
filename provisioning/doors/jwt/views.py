"""Keys that sign tokens, given to a door or made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.doors.access import get_door
from provisioning.doors.jwt import issuing
from provisioning.doors.jwt.forms import KeyForm
from provisioning.doors.views import show_door
from provisioning.models import Door

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from tenants.access import SignedIn


@login_required
@redirect_unless_posted(back="provisioning:door")
def add_keys(request: SignedIn, key: UUID) -> HttpResponse:
    door, form = get_door(request.user, key, kind=Door.Kind.JWT), KeyForm(request.POST, request.FILES)
    if not form.is_valid():
        return show_door(request, door, {"key_form": form}, status=422)
    with show_in_form(form) as refused:
        made = issuing.add_signing_keys(door=door, given=form.cleaned_data["given"], by=request.user)
    if refused:
        return show_door(request, door, {"key_form": form}, status=refused.status)
    words = ", ".join(f"{each.algorithm} {each.name}".strip() for each in made)
    messages.success(request, f"Tokens count that these sign: {words}.")
    return redirect(door)


@login_required
@never_cache
@redirect_unless_posted(back="provisioning:door")
def make_secret(request: SignedIn, key: UUID) -> HttpResponse:
    """Make a shared secret; the answer shows it, this once."""
    door = get_door(request.user, key, kind=Door.Kind.JWT)
    secret = issuing.make_shared_secret(door=door, by=request.user)
    keep = "where tokens are signed, never in firmware"
    context = {"door": door, "secret": secret, "what": "shared secret", "keep": keep}
    return render(request, "provisioning/doors/door_secret.html", context)
