from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.access import get_device
from devices.lifecycle import edits
from devices.lifecycle.edit_form import EditForm
from lib.refusal_pages import show_in_form
from tenants.models import Role

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def edit(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial, role=Role.ADMIN)
    form = EditForm(request.POST if request.method == "POST" else None, device=device)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "devices/lifecycle/edit.html", {"device": device, "form": form}, status=status)
    with show_in_form(form) as refused:
        if edits.change_device(device=device, **form.changes, by=request.user):
            messages.success(request, "Saved.")
    if refused:
        return render(request, "devices/lifecycle/edit.html", {"device": device, "form": form}, status=refused.status)
    return redirect(get_device(request.user, serial, role=Role.ADMIN))
