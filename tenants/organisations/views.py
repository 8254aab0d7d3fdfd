from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import theme
from tenants.access import require_owner
from tenants.organisations import operations as organisations
from tenants.organisations.forms import COLOUR, SettingsForm, initial
from tenants.posted import posted

if TYPE_CHECKING:
    from tenants.access import SignedIn
    from tenants.models import Organisation


@require_safe
@login_required
def settings(request: SignedIn) -> HttpResponse:
    mine = _mine(request)
    return _page(request, mine, SettingsForm(initial=initial(mine)))


def _mine(request: SignedIn) -> Organisation:
    organisation = require_owner(request.user).organisation
    if organisation is None:
        raise Http404
    return organisation


def _page(request: SignedIn, mine: Organisation, form: SettingsForm, status: int = 200) -> HttpResponse:
    return render(request, "tenants/organisations/settings.html", {"form": form, "mine": mine}, status=status)


@login_required
@posted(back="tenants:settings")
def save(request: SignedIn) -> HttpResponse:
    mine, form = _mine(request), SettingsForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, mine, form, status=422)
    try:
        changed = organisations.change(organisation=mine, by=request.user, **form.settings())
    except ValidationError as error:
        form.add_error(None, error)
        return _page(request, mine, form, status=422)
    messages.success(request, f"Saved: {', '.join(changed)}." if changed else "Nothing was different.")
    return redirect("tenants:settings")


@require_safe
@login_required
def preview(request: SignedIn) -> HttpResponse:
    """The stylesheet that a colour would give."""
    require_owner(request.user)
    colour = request.GET.get("colour", "").lower()
    try:
        COLOUR(colour)
    except ValidationError:
        raise Http404 from None
    return HttpResponse(theme.stylesheet(colour), content_type="text/css; charset=utf-8")
