from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect

from devices.access import get_attention
from devices.attention import operations
from lib.refusal_pages import remember_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@login_required
def acknowledge(request: SignedIn, serial: str, pk: int) -> HttpResponse:
    """Note that the user looks after it; whoever comes by GET is led to the device."""
    device, attention = get_attention(request.user, serial, pk)
    if request.method != "POST":
        return redirect(device)
    remember_page(request, device.get_absolute_url())
    if operations.acknowledge(attention=attention, device=device, by=request.user):
        messages.success(request, "Acknowledged: nobody is told of this any more until it was calm for an hour.")
    else:
        messages.info(request, "Somebody has acknowledged it already.")
    return redirect(device)
