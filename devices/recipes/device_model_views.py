"""The table of supported device models, for the admins of the whole organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from devices.models import DeviceModel
from devices.recipes import device_models
from devices.recipes.device_model_form import ModelForm
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants.access import get_row, require_owner

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

    from tenants.access import SignedIn, Viewer


def get_model(user: Viewer, pk: int) -> DeviceModel:
    return get_row(DeviceModel.objects.manageable_by(user), pk=pk)


@require_safe
@login_required
def model_list(request: SignedIn) -> HttpResponse:
    require_owner(request.user)
    return _page(request, ModelForm())


@require_safe
@login_required
def model(request: SignedIn, pk: int) -> HttpResponse:
    """Show the same list, with this one's name to be changed."""
    chosen = get_model(require_owner(request.user), pk)
    return _page(request, ModelForm(), renaming=_make_form(chosen), pk=pk)


@login_required
@redirect_unless_posted(back="devices:models")
def add(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    assert user.organisation is not None
    form = ModelForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    with show_in_form(form) as refused:
        made = device_models.add(organisation=user.organisation, name=form.cleaned_data["name"], by=user)
    if refused:
        return _page(request, form, status=refused.status)
    messages.success(request, f"{made} is offered from now on.")
    return redirect("devices:models")


@login_required
@redirect_unless_posted(back="devices:model")
def rename(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen = get_model(user, pk)
    form = _make_form(chosen, request.POST)
    if not form.is_valid():
        return _page(request, ModelForm(), renaming=form, pk=pk, status=422)
    with show_in_form(form) as refused:
        device_models.rename(model=chosen, name=form.cleaned_data["name"], by=user)
    if refused:
        return _page(request, ModelForm(), renaming=form, pk=pk, status=refused.status)
    messages.success(request, f"{chosen} is called {form.cleaned_data['name']} now.")
    return redirect("devices:models")


@login_required
@redirect_unless_posted(back="devices:model")
def retire(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen = get_model(user, pk)
    if device_models.retire(model=chosen, by=user):
        messages.success(request, f"{chosen} is retired: it is no longer offered. Devices that have it keep it.")
    return redirect("devices:models")


@login_required
@redirect_unless_posted(back="devices:model")
def restore(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen = get_model(user, pk)
    if device_models.restore(model=chosen, by=user):
        messages.success(request, f"{chosen} is offered again.")
    return redirect("devices:models")


@login_required
@redirect_unless_posted(back="devices:model")
def delete(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen = get_model(user, pk)
    device_models.delete(model=chosen, by=user)
    messages.success(request, f"{chosen} is deleted.")
    return redirect("devices:models")


def _page(
    request: SignedIn, form: ModelForm, *, renaming: ModelForm | None = None, pk: int = 0, status: int = 200
) -> HttpResponse:
    models = list(device_models.count_uses(DeviceModel.objects.manageable_by(request.user)))
    rows = [(model, renaming if model.pk == pk else _make_form(model)) for model in models]
    return render(
        request, "devices/recipes/device_models.html", {"form": form, "rows": rows, "renaming": pk}, status=status
    )


def _make_form(model: DeviceModel, data: QueryDict | None = None) -> ModelForm:
    return ModelForm(data, stored={"name": model.name}, auto_id=f"model-{model.pk}-%s")
