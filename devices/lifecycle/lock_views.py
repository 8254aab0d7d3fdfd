"""Locking a device, and opening its activation again: for the admins of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages

from devices.connections import activation
from devices.credentials.views import back_to, posted
from devices.lifecycle import locks

if TYPE_CHECKING:
    from django.http import HttpResponse

    from devices.models import Device
    from tenants.access import SignedIn


@posted
def lock(request: SignedIn, device: Device) -> HttpResponse:
    if locks.lock(device=device, by=request.user):
        messages.success(request, f"{device} is locked: it can neither connect nor be registered.")
    else:
        messages.info(request, f"{device} was locked already.")
    return back_to(device)


@posted
def unlock(request: SignedIn, device: Device) -> HttpResponse:
    if locks.unlock(device=device, by=request.user):
        messages.success(request, f"{device} is unlocked: it may connect again.")
    else:
        messages.info(request, f"{device} was not locked.")
    return back_to(device)


@posted
def open_again(request: SignedIn, device: Device) -> HttpResponse:
    if activation.open_again(devices=[device], by=request.user):
        messages.success(request, f"{device} may connect for the first time again.")
    else:
        messages.info(request, f"{device} needs no activation: it has connected before, or never expires.")
    return back_to(device)
