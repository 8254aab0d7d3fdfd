"""A device's commands: sent by whoever may, seen by whoever sees the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from devices.access import get_device
from devices.commands import listing, operations
from devices.commands.forms import CommandForm
from lib import paging
from lib.refusal_pages import remember_page, show_in_form

if TYPE_CHECKING:
    from django.http import HttpResponse

    from devices.models import Device
    from devices.recipes.command_lines import Declared
    from tenants.access import SignedIn

PAGE = 50


@never_cache
@login_required
@require_safe
def commands(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    rows = listing.list_commands(device)
    page = paging.find_asked_page(rows, paging.NEWEST_FIRST, PAGE, request.GET.dict())
    context = {"device": device, "page": page, "commands": listing.describe(request.user, page.rows)}
    return render(
        request,
        "devices/commands/commands.html",
        context | {"offered": listing.list_offered(request.user, device)},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def command(request: SignedIn, serial: str, name: str) -> HttpResponse:
    """Ask for what goes with a command, and send it; one that the user may not send is missing."""
    device = get_device(request.user, serial)
    remember_page(request, device.get_absolute_url())
    declared = next((each for each in listing.list_offered(request.user, device) if each.name == name), None)
    if declared is None:
        raise Http404
    form = CommandForm(declared, request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        return _render(request, device, declared, form, 422 if form.is_bound else 200)
    with show_in_form(form) as refused:
        operations.send(device=device, name=name, payload=form.payload, by=request.user)
    if refused:
        return _render(request, device, declared, form, refused.status)
    waits = "" if device.status == "online" else " It waits until the device is back."
    messages.success(request, f"{declared.label} is on its way to {device}.{waits}")
    return redirect(device.get_absolute_url() + "#commands")


def _render(request: SignedIn, device: Device, declared: Declared, form: CommandForm, status: int) -> HttpResponse:
    context = {"device": device, "declared": declared, "form": form}
    return render(request, "devices/commands/command.html", context, status=status)
