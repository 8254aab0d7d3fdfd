from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.access import get_device
from devices.lifecycle import assignments
from devices.lifecycle.person_field import PersonForm
from lib.refusal_pages import show_in_form
from tenants.models import Role

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def person(request: SignedIn, serial: str) -> HttpResponse:
    """Choose whose the device is within its group: one person's, or everybody's."""
    device = get_device(request.user, serial, role=Role.ADMIN)
    if device.group is None:
        raise Http404
    sent = request.POST if request.method == "POST" else None
    form = PersonForm(sent, user=request.user, device=device)
    page, shown = "devices/lifecycle/person.html", {"device": device, "form": form}
    if not form.is_valid():
        return render(request, page, shown, status=422 if form.is_bound else 200)
    whose, name = form.cleaned_data["person"], form.cleaned_data["name"]
    if whose == device.person:
        messages.info(request, "It is so already. Nothing was changed.")
        return redirect(device)
    with show_in_form(form) as refused:
        assignments.assign(
            device=device, group=device.group, person=whose, name=name, model=device.model, by=request.user
        )
    if refused:
        return render(request, page, shown, status=refused.status)
    messages.success(request, f"{whose or f'Everybody of {device.group}'} sees it now.")
    return redirect(device)
