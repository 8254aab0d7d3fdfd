"""Through which gateways a device speaks, and for whom it does: for the admins of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from devices.ties import listing, operations
from devices.ties.forms import TieForm
from lib.refusal_pages import show_in_form
from tenants.models import Role

if TYPE_CHECKING:
    from django.http import HttpResponse

    from devices.models import Device
    from tenants.access import SignedIn


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def gateways(request: SignedIn, serial: str) -> HttpResponse:
    device = listing.get_managed(request.user, serial)
    form = TieForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _render(request, device, form, 422 if form.is_bound else 200)
    with show_in_form(form) as refused:
        gateway = listing.find_gateway(request.user, form.cleaned_data["gateway"])
        if operations.tie(device=device, gateway=gateway, by=request.user):
            messages.success(request, f"{gateway} may speak for {device} now.")
        else:
            messages.info(request, f"{gateway} could speak for {device} already.")
    if refused:
        return _render(request, device, form, refused.status)
    return redirect("devices:gateways", serial=device.serial)


def _render(request: SignedIn, device: Device, form: TieForm, status: int) -> HttpResponse:
    ties, offered = listing.list_ties(request.user, device), listing.list_offered(request.user, device)
    context = {"device": device, "form": form, "ties": ties, "offered": offered}
    return render(request, "devices/ties/gateways.html", context, status=status)


@require_POST
@login_required
@never_cache
def untie(request: SignedIn, serial: str, gateway: str) -> HttpResponse:
    """End the tie, from the page of either end: that is where it leads back to."""
    device = listing.get_managed(request.user, serial)
    through = listing.get_gateway(request.user, device, gateway, role=Role.ADMIN)
    operations.untie(device=device, gateway=through, by=request.user)
    messages.success(request, f"{through} may no longer speak for {device}. It is disconnected once, within seconds.")
    back = through if request.POST.get("from") == "gateway" else device
    return redirect("devices:gateways", serial=back.serial)
