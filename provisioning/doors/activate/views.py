"""Opening devices again at a door of activation: for the admins of the whole organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect

from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.doors.access import get_door
from provisioning.doors.activate import reopening
from provisioning.doors.activate.forms import SerialsForm
from provisioning.doors.kinds import get_kind
from provisioning.doors.views import show_door
from provisioning.models import Door

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from tenants.access import SignedIn


@login_required
@redirect_unless_posted(back="provisioning:door")
def open_again(request: SignedIn, key: UUID) -> HttpResponse:
    door, form = get_door(request.user, key, kind=Door.Kind.ACTIVATE), SerialsForm(request.POST)
    if not form.is_valid():
        return show_door(request, door, get_kind(door.kind).describe(door) | {"serials_form": form}, status=422)
    with show_in_form(form) as refused:
        count = reopening.open_again(door=door, listed=form.cleaned_data["serials"], by=request.user)
    if refused:
        return show_door(
            request, door, get_kind(door.kind).describe(door) | {"serials_form": form}, status=refused.status
        )
    messages.success(request, f"{count} device{'s' if count != 1 else ''} may activate again, from now on.")
    return redirect(door)
