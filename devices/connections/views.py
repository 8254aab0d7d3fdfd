from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from devices.access import get_device
from devices.connections import stretches

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@never_cache
@login_required
@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def connections(request: SignedIn, serial: str) -> HttpResponse:
    """Show from when to when the device was connected; for htmx as a part of its page."""
    device = get_device(request.user, serial)
    context = stretches.build_context(request.user, device, request.GET.get("range", ""))
    part = "_connections" if request.htmx.target == "connections" else "connections"
    return render(request, f"devices/connections/{part}.html", context)
