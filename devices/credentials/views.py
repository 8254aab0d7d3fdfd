"""A device's credentials, for the admins of its group. A secret is in the answer to one POST, and nowhere else."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.access import get_device
from devices.credentials import listing as credential_listing
from devices.credentials import operations as credentials
from devices.credentials import presence_secrets, snippets
from devices.credentials.forms import PresenceForm, RotateForm
from devices.models import Credential
from lib.refusal_pages import remember_page
from tenants.access import get_row
from tenants.models import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from devices.credentials.operations import Issued
    from devices.models import Device
    from tenants.access import SignedIn


def require_admin_post(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Guard what an admin of the device posts; the view gets the device. Whoever comes by GET is led to the page."""

    @never_cache
    @login_required
    @wraps(view)
    def guard(request: SignedIn, serial: str, **kwargs: Any) -> HttpResponse:
        device = get_device(request.user, serial, role=Role.ADMIN)
        if request.method != "POST":
            return redirect_back(device)
        remember_page(request, reverse("devices:credentials", kwargs={"serial": device.serial}))
        return view(request, device, **kwargs)

    return guard


def redirect_back(device: Device) -> HttpResponse:
    return redirect("devices:credentials", serial=device.serial)


@require_safe
@never_cache
@login_required
def credential_list(request: SignedIn, serial: str) -> HttpResponse:
    return _render_page(request, get_device(request.user, serial, role=Role.ADMIN), RotateForm())


def _render_page(request: SignedIn, device: Device, form: RotateForm, *, status: int = 200) -> HttpResponse:
    entries = credential_listing.list_entries(device, request.user)
    standing = [entry for entry in entries if entry.standing]
    context = {"device": device, "entries": entries, "form": form, "max": credentials.MAX_LIVE}
    context |= presence_secrets.describe_presence(device)
    context |= {"standing": standing, "factory": [entry for entry in standing if entry.factory]}
    return render(request, "devices/credentials/credentials.html", context, status=status)


@require_admin_post
def issue(request: SignedIn, device: Device) -> HttpResponse:
    return _show_once(request, device, credentials.issue_credential(device=device, by=request.user))


@require_admin_post
def rotate(request: SignedIn, device: Device) -> HttpResponse:
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _render_page(request, device, form, status=422)
    return _show_once(request, device, credentials.rotate_credentials(device=device, by=request.user, ends=form.lasts))


def _show_once(request: SignedIn, device: Device, issued: Issued) -> HttpResponse:
    configuration = snippets.build_configuration(device, issued)
    once = {"qr": snippets.draw_qr(configuration), "snippets": snippets.render_snippets(device, configuration)}
    return render(request, "devices/credentials/credential.html", {"device": device, "new": configuration, **once})


@require_admin_post
def make_presence_secret(request: SignedIn, device: Device) -> HttpResponse:
    form = PresenceForm(request.POST)
    if not form.is_valid():
        return redirect_back(device)
    made = presence_secrets.make_presence_secret(device=device, method=form.cleaned_data["method"], by=request.user)
    return render(
        request,
        "devices/credentials/presence_secret.html",
        {"device": device, "made": made, "label": presence_secrets.LABELS[made.method]},
    )


@require_admin_post
def revoke(request: SignedIn, device: Device, pk: int) -> HttpResponse:
    credential = get_row(Credential.objects.of(device), pk=pk)
    if credentials.revoke_credential(credential=credential, by=request.user):
        messages.success(request, f"{credential.access_key[:8]}… is revoked. Connections that use it end.")
    else:
        messages.info(request, f"{credential.access_key[:8]}… was revoked already.")
    return redirect_back(device)


@require_admin_post
def revoke_all(request: SignedIn, device: Device) -> HttpResponse:
    if count := credentials.revoke_all_credentials([device], by=request.user):
        messages.success(request, f"{count} revoked. The device can't connect until it gets a new credential.")
    else:
        messages.info(request, "There was nothing to revoke.")
    return redirect_back(device)
