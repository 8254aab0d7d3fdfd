"""What devices are made from, for the admins of the whole organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from devices.models import Recipe
from devices.recipes import command_lines, pictures
from devices.recipes import operations as recipes
from devices.recipes.forms import RecipeForms, make_identity_form
from devices.recipes.organisation_format import format_of
from devices.refusals import RECIPE_CHANGED
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants.access import get_row, require_owner

if TYPE_CHECKING:
    from django.http import HttpResponse

    from devices.models import RecipeVersion
    from tenants.access import SignedIn, Viewer


def get_recipe(user: Viewer, pk: int) -> Recipe:
    return get_row(Recipe.objects.manageable_by(user).select_related("organisation"), pk=pk)


@require_safe
@login_required
def recipe_list(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    listed = recipes.list_recipes(Recipe.objects.manageable_by(user))
    current = [recipe for recipe in listed if not recipe.retired_at]
    retired = [recipe for recipe in listed if recipe.retired_at]
    return render(request, "devices/recipes/recipes.html", {"current": current, "retired": retired})


@require_safe
@login_required
def recipe(request: SignedIn, pk: int) -> HttpResponse:
    """Show the last version, or with `?version=` an earlier one, to be read."""
    chosen = get_recipe(require_owner(request.user), pk)
    versions = recipes.list_versions(chosen)
    number = request.GET.get("version") or str(versions[0].number)
    shown = next((version for version in versions if str(version.number) == number), None)
    if shown is None:
        raise Http404
    context: dict[str, object] = {"recipe": chosen, "versions": versions, "shown": shown}
    context |= {"is_last": shown is versions[0], "picture": pictures.find_digest(chosen.pk)}
    context |= {"behind": recipes.count_behind(chosen, versions[0])}
    return render(request, "devices/recipes/recipe.html", context | _describe_version(chosen, shown))


def _describe_version(chosen: Recipe, version: RecipeVersion) -> dict[str, object]:
    version.recipe = chosen
    attributes = list(version.attributes.all())
    commands = command_lines.read_declared(version)
    return {"attributes": attributes, "commands": commands, "format": format_of(version)}


@require_safe
@login_required
def new(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    return _page(request, RecipeForms(user=user))


@login_required
@redirect_unless_posted(back="devices:recipe-new")
def create(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    forms = RecipeForms(user=user, data=request.POST)
    if not forms.is_valid():
        return _page(request, forms, status=422)
    with show_in_form(forms.details) as refused:
        created = recipes.create(organisation=user.organisation, name=forms.name, contents=forms.contents, by=user)
    if refused:
        return _page(request, forms, status=refused.status)
    messages.success(request, f"{created} is ready: devices can be made from it.")
    return redirect("devices:recipe", pk=created.pk)


@require_safe
@login_required
def edit(request: SignedIn, pk: int) -> HttpResponse:
    chosen = get_recipe(require_owner(request.user), pk)
    return _page(request, RecipeForms(user=request.user, recipe=chosen), chosen)


@login_required
@redirect_unless_posted(back="devices:recipe-edit")
def change(request: SignedIn, pk: int) -> HttpResponse:
    """Save the change. Nothing of what was entered is lost when somebody else was quicker."""
    user = require_owner(request.user)
    chosen = get_recipe(user, pk)
    forms = RecipeForms(user=user, data=request.POST, recipe=chosen)
    if not forms.is_valid():
        return _page(request, forms, chosen, status=422)
    with show_in_form(forms.details) as refused:
        version = recipes.change(recipe=chosen, name=forms.name, contents=forms.contents, based_on=forms.base, by=user)
    if refused.refusal and refused.refusal.kind is RECIPE_CHANGED:
        forms.rebase(chosen)
    if refused:
        return _page(request, forms, chosen, status=refused.status)
    words = f"Saved as version {version.number}." if version else "Saved. What new devices are made from is as it was."
    messages.success(request, words)
    return redirect("devices:recipe", pk=pk)


@login_required
@redirect_unless_posted(back="devices:recipe")
def retire(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen = get_recipe(user, pk)
    if recipes.retire(recipe=chosen, by=user):
        messages.success(request, f"{chosen} is retired: no new devices are made from it. Those there are keep it.")
    return redirect("devices:recipe", pk=pk)


@login_required
@redirect_unless_posted(back="devices:recipe")
def restore(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen = get_recipe(user, pk)
    if recipes.restore(recipe=chosen, by=user):
        messages.success(request, f"{chosen} is offered for new devices again.")
    return redirect("devices:recipe", pk=pk)


@require_safe
@login_required
def serial_format(request: SignedIn) -> HttpResponse:
    """Return the fragment that says what fits the format in the form, as far as it is filled in, and whether a serial
    does."""
    form = make_identity_form(require_owner(request.user), request.GET)
    return render(request, "devices/recipes/_format.html", {"identity": form})


def _page(request: SignedIn, forms: RecipeForms, chosen: Recipe | None = None, *, status: int = 200) -> HttpResponse:
    versions = recipes.list_versions(chosen) if chosen else []
    keeping = [version for version in versions if version.device_count]  # type: ignore[attr-defined]
    context = {"forms": forms, "recipe": chosen, "keeping": keeping, "refused": status == 422}
    return render(request, "devices/recipes/recipe_form.html", context, status=status)
