"""Provisioning tokens, made for a door; and registration tokens, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from devices.access import get_device
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.doors.access import get_door
from provisioning.doors.approval import operations, registration_tokens
from provisioning.doors.approval.forms import TokenForm
from provisioning.doors.views import show_door
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
    door, form = get_door(request.user, key, kind=Door.Kind.APPROVAL), TokenForm(request.POST)
    if not form.is_valid():
        return show_door(request, door, {"token_form": form}, status=422)
    with show_in_form(form) as refused:
        _, token = operations.make_token(door=door, by=request.user, identity=form.cleaned_data["identity"])
    if refused:
        return show_door(request, door, {"token_form": form}, status=refused.status)
    context = {"door": door, "secret": token, "what": "provisioning token", "keep": "in devices"}
    return render(request, "provisioning/doors/door_secret.html", context)


@login_required
@redirect_unless_posted(back="provisioning:door")
def revoke(request: SignedIn, key: UUID) -> HttpResponse:
    """End the registration token of a device that came by the door, and its credentials."""
    door = get_door(request.user, key, kind=Door.Kind.APPROVAL)
    device = get_device(request.user, request.POST.get("serial", ""))
    if registration_tokens.revoke(door=door, device=device, by=request.user):
        messages.success(request, f"{device} is out: its token and its credentials are revoked.")
    return redirect(door)
