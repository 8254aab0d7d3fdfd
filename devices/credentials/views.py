"""A device's credentials, for the admins of its group. A secret is in the answer to one POST, and nowhere else."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access import get_device
from devices.credentials import listing as credential_listing
from devices.credentials import operations as credentials
from devices.credentials import snippets
from devices.credentials.forms import RotateForm
from devices.models import Credential
from tenants.access import found
from tenants.models import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from devices.credentials.operations import Issued
    from devices.models import Device
    from tenants.access import SignedIn


def posted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For what an admin of the device posts; the view gets the device. Whoever comes by GET is led to the page."""

    @never_cache
    @login_required
    @wraps(view)
    def gated(request: SignedIn, serial: str, **kwargs: Any) -> HttpResponse:
        device = get_device(request.user, serial, role=Role.ADMIN)
        return view(request, device, **kwargs) if request.method == "POST" else back_to(device)

    return gated


def back_to(device: Device) -> HttpResponse:
    return redirect("devices:credentials", serial=device.serial)


@require_safe
@never_cache
@login_required
def credential_list(request: SignedIn, serial: str) -> HttpResponse:
    return _page(request, get_device(request.user, serial, role=Role.ADMIN), RotateForm())


def _page(request: SignedIn, device: Device, form: RotateForm, *, status: int = 200) -> HttpResponse:
    entries = credential_listing.entries(device)
    standing = [entry for entry in entries if entry.standing]
    context = {"device": device, "entries": entries, "form": form, "max": credentials.MAX_LIVE}
    context |= {"standing": standing, "factory": [entry for entry in standing if entry.factory]}
    return render(request, "devices/credentials/credentials.html", context, status=status)


@posted
def issue(request: SignedIn, device: Device) -> HttpResponse:
    try:
        issued = credentials.issue(device=device, by=request.user)
    except credentials.Refused as refusal:
        messages.error(request, str(refusal))
        return back_to(device)
    return _shown_once(request, device, issued)


@posted
def rotate(request: SignedIn, device: Device) -> HttpResponse:
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _page(request, device, form, status=422)
    try:
        issued = credentials.rotate(device=device, by=request.user, ends=form.lasts)
    except credentials.Refused as refusal:
        messages.error(request, str(refusal))
        return back_to(device)
    return _shown_once(request, device, issued)


def _shown_once(request: SignedIn, device: Device, issued: Issued) -> HttpResponse:
    configuration = snippets.configuration(device, issued)
    shown = {"qr": snippets.qr(configuration), "snippets": snippets.snippets(device, configuration)}
    return render(request, "devices/credentials/credential.html", {"device": device, "new": configuration, **shown})


@posted
def revoke(request: SignedIn, device: Device, pk: int) -> HttpResponse:
    credential = found(Credential.objects.of(device), pk=pk)
    if credentials.revoke(credential=credential, by=request.user):
        messages.success(request, f"{credential.access_key[:8]}… is revoked. Connections that use it end.")
    else:
        messages.info(request, f"{credential.access_key[:8]}… was revoked already.")
    return back_to(device)


@posted
def revoke_all(request: SignedIn, device: Device) -> HttpResponse:
    if count := credentials.revoke_all(device=device, by=request.user):
        messages.success(request, f"{count} revoked. The device can't connect until it gets a new credential.")
    else:
        messages.info(request, "There was nothing to revoke.")
    return back_to(device)
