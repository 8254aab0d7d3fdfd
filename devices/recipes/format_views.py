"""The format of the organisation's serials, for the admins of all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from devices.identity import formats
from devices.recipes import operations as recipes
from devices.recipes.format_form import IdentityForm
from devices.recipes.organisation_format import choose_format
from lib.decorators import redirect_unless_posted
from tenants.access import require_owner

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@require_safe
@login_required
def identity(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    return _page(request, IdentityForm(stored=user.organisation.identity, usual=formats.OWN))


@login_required
@redirect_unless_posted(back="devices:identity")
def save(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    form = IdentityForm(request.POST, stored=user.organisation.identity, usual=formats.OWN)
    if not form.is_valid():
        return _page(request, form, status=422)
    choose_format(organisation=user.organisation, identity=form.format.as_json(), by=user)
    messages.success(request, f"Saved. Serials from now on: {form.format.describe()}.")
    return redirect("devices:identity")


def _page(request: SignedIn, form: IdentityForm, *, status: int = 200) -> HttpResponse:
    listed = recipes.list_recipes(recipes.find_available_recipes(request.user))
    own = [recipe for recipe in listed if recipe.last.identity]  # type: ignore[attr-defined]
    context = {"form": form, "following": [recipe for recipe in listed if recipe not in own], "own": own}
    return render(request, "devices/recipes/organisation_format.html", context, status=status)
