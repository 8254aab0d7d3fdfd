from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from devices.access import get_device
from devices.lifecycle import edits
from devices.lifecycle.assignments import Moved
from devices.lifecycle.edit_form import EditForm
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
    try:
        if edits.change(device=device, **form.cleaned_data, by=request.user):
            messages.success(request, "Saved.")
    except Moved:
        messages.error(request, "Somebody else changed or moved it meanwhile. Nothing was saved; look at it again.")
    return redirect(get_device(request.user, serial, role=Role.ADMIN))
