"""Locking a device, and opening its activation again: for the admins of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages

from devices.connections import activation
from devices.credentials.views import redirect_back, require_admin_post
from devices.lifecycle import locks
from devices.refusals import ACTIVATION_NOT_NEEDED
from lib.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpResponse

    from devices.models import Device
    from tenants.access import SignedIn


@require_admin_post
def lock(request: SignedIn, device: Device) -> HttpResponse:
    if locks.lock_devices([device], by=request.user):
        messages.success(request, f"{device} is locked: it can neither connect nor be registered.")
    else:
        messages.info(request, f"{device} was locked already.")
    return redirect_back(device)


@require_admin_post
def unlock(request: SignedIn, device: Device) -> HttpResponse:
    if locks.unlock_devices([device], by=request.user):
        messages.success(request, f"{device} is unlocked: it may connect again.")
    else:
        messages.info(request, f"{device} was not locked.")
    return redirect_back(device)


@require_admin_post
def open_again(request: SignedIn, device: Device) -> HttpResponse:
    if not activation.reopen_activation([device], by=request.user):
        raise Refusal(ACTIVATION_NOT_NEEDED)
    messages.success(request, f"{device} may connect for the first time again.")
    return redirect_back(device)
