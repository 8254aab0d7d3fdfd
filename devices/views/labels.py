from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from devices import labels
from devices.access import get_device

if TYPE_CHECKING:
    from tenants.access import SignedIn


@require_safe
@login_required
def label(request: SignedIn, serial: str) -> HttpResponse:
    return render(request, "devices/label.html", {"device": get_device(request.user, serial)})


@require_safe
@login_required
def label_svg(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    headers = {"Cache-Control": "private, max-age=86400"}
    return HttpResponse(labels.symbol(device.serial), content_type="image/svg+xml", headers=headers)
