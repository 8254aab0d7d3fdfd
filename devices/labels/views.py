"""A device's own label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from devices.access import get_device
from devices.labels import printing
from devices.labels.forms import LabelForm
from devices.labels.layout import TooSmall
from lib import origins

if TYPE_CHECKING:
    from devices.models import Device
    from tenants.access import SignedIn

SIDE = 20.0  # mm


@require_safe
@login_required
def label(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    return _page(request, device, _form(request, device))


def _form(request: SignedIn, device: Device) -> LabelForm:
    """What the address says over the defaults; a box that the page sent empty (with `chosen`) stays empty."""
    given = request.GET.dict()
    return LabelForm(given, organisation=device.organisation, plain="chosen" not in given)


def _page(request: SignedIn, device: Device, form: LabelForm, status: int = 200) -> HttpResponse:
    return render(request, "devices/labels/label.html", {"device": device, "form": form}, status=status)


@require_safe
@login_required
def label_svg(request: SignedIn, serial: str) -> HttpResponse:
    """The symbol; without `side` it takes the size of what holds it."""
    device = get_device(request.user, serial)
    form = _form(request, device)
    if not form.is_valid():
        return _page(request, device, form, status=422)
    symbol = form.options(origin=origins.named(request)).symbol(device.serial)
    wanted = form.cleaned_data["side"]
    drawn = symbol.svg(side=wanted * symbol.side / symbol.inner if wanted else None)
    return _file(drawn, f"{device.serial}.svg", "image/svg+xml", shown=not wanted)


@require_safe
@login_required
def label_png(request: SignedIn, serial: str) -> HttpResponse:
    """The symbol in whole dots of the printer, `side` mm wide (20 if not said) as near as those allow."""
    device = get_device(request.user, serial)
    form = _form(request, device)
    if not form.is_valid():
        return _page(request, device, form, status=422)
    symbol = form.options(origin=origins.named(request)).symbol(device.serial)
    side = (form.cleaned_data["side"] or SIDE) * symbol.side / symbol.inner
    return _file(symbol.png(side=side, dpi=form.cleaned_data["dpi"]), f"{device.serial}.png", "image/png")


@require_safe
@login_required
def label_pdf(request: SignedIn, serial: str) -> HttpResponse:
    """The whole label, on its sheet or roll."""
    device = get_device(request.user, serial)
    form = _form(request, device)
    if not form.is_valid():
        return _page(request, device, form, status=422)
    try:
        drawn = printing.single(form=form, device=device, origin=origins.named(request))
    except TooSmall as error:
        form.add_error("stock", str(error))
        return _page(request, device, form, status=422)
    return _file(drawn, f"{device.serial}.pdf", "application/pdf")


def _file(content: bytes, name: str, kind: str, *, shown: bool = False) -> HttpResponse:
    if shown:
        return HttpResponse(content, content_type=kind, headers={"Cache-Control": "private, max-age=300"})
    disposition = content_disposition_header(as_attachment=True, filename=name) or ""
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition})
