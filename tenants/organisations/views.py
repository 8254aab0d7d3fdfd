from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import theme
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants.access import require_owner
from tenants.organisations import operations as organisations
from tenants.organisations.forms import COLOUR, SettingsForm, initial_values

if TYPE_CHECKING:
    from tenants.access import SignedIn
    from tenants.models import Organisation


@require_safe
@login_required
def settings(request: SignedIn) -> HttpResponse:
    organisation = _get_own_organisation(request)
    return _show_form(request, organisation, SettingsForm(stored=initial_values(organisation)))


def _get_own_organisation(request: SignedIn) -> Organisation:
    organisation = require_owner(request.user).organisation
    if organisation is None:
        raise Http404
    return organisation


def _show_form(request: SignedIn, organisation: Organisation, form: SettingsForm, status: int = 200) -> HttpResponse:
    return render(request, "tenants/organisations/settings.html", {"form": form, "mine": organisation}, status=status)


@login_required
@redirect_unless_posted(back="tenants:settings")
def save(request: SignedIn) -> HttpResponse:
    organisation = _get_own_organisation(request)
    form = SettingsForm(request.POST, request.FILES, stored=initial_values(organisation))
    if not form.is_valid():
        return _show_form(request, organisation, form, status=422)
    with show_in_form(form) as refused:
        changed = organisations.change(organisation=organisation, by=request.user, **form.settings())
    if refused:
        return _show_form(request, organisation, form, status=refused.status)
    messages.success(request, f"Saved: {', '.join(changed)}." if changed else "Nothing was different.")
    return redirect("tenants:settings")


@require_safe
@login_required
def preview(request: SignedIn) -> HttpResponse:
    """Serve the stylesheet that a colour would give."""
    require_owner(request.user)
    colour = request.GET.get("colour", "").lower()
    try:
        COLOUR(colour)
    except ValidationError:
        raise Http404 from None
    return HttpResponse(theme.render_stylesheet(colour), content_type="text/css; charset=utf-8")
