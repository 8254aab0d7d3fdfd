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
from devices.labels.documents import OUTPUTS
from devices.labels.forms import LabelForm
from lib import origins
from lib.refusal_pages import show_in_form

if TYPE_CHECKING:
    from devices.models import Device
    from tenants.access import SignedIn

SIDE = 20.0  # mm


@require_safe
@login_required
def label(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    return _render_page(request, device, _build_form(request, device, looks=request.user.label_looks))


def _build_form(request: SignedIn, device: Device, looks: dict[str, str] | None = None) -> LabelForm:
    """Bind what the address says over the defaults; a box that the page sent empty (with `chosen`) stays empty."""
    query = request.GET.dict()
    return LabelForm(query, organisation=device.organisation, plain="chosen" not in query, looks=looks)


def _render_page(request: SignedIn, device: Device, form: LabelForm, status: int = 200) -> HttpResponse:
    origin = origins.get_site_origin(request)
    notes = printing.note_label(form=form, device=device, origin=origin) if form.is_valid() else []
    return render(request, "devices/labels/label.html", {"device": device, "form": form, "notes": notes}, status=status)


@require_safe
@login_required
def label_svg(request: SignedIn, serial: str) -> HttpResponse:
    """Draw the symbol; without `side` it takes the size of what holds it."""
    device = get_device(request.user, serial)
    form = _build_form(request, device)
    if not form.is_valid():
        return _render_page(request, device, form, status=422)
    symbol = form.options(origin=origins.get_site_origin(request)).symbol(device.serial)
    wanted = form.cleaned_data["side"]
    drawn = symbol.svg(side=wanted * symbol.side / symbol.inner if wanted else None)
    return _answer_with_file(drawn, f"{device.serial}.svg", "image/svg+xml", shown=not wanted)


@require_safe
@login_required
def label_png(request: SignedIn, serial: str) -> HttpResponse:
    """Draw the symbol in whole dots of the printer, `side` mm wide (20 if not said) as near as those allow."""
    device = get_device(request.user, serial)
    form = _build_form(request, device)
    if not form.is_valid():
        return _render_page(request, device, form, status=422)
    symbol = form.options(origin=origins.get_site_origin(request)).symbol(device.serial)
    side = (form.cleaned_data["side"] or SIDE) * symbol.side / symbol.inner
    return _answer_with_file(symbol.png(side=side, dpi=form.cleaned_data["dpi"]), f"{device.serial}.png", "image/png")


@require_safe
@login_required
def label_pdf(request: SignedIn, serial: str) -> HttpResponse:
    """Draw the whole label, on its sheet or roll."""
    return _answer_with_label(request, serial, "pdf")


@require_safe
@login_required
def label_zpl(request: SignedIn, serial: str) -> HttpResponse:
    """Draw the whole label in a label printer's dots."""
    return _answer_with_label(request, serial, "zpl")


def _answer_with_label(request: SignedIn, serial: str, output: str) -> HttpResponse:
    device = get_device(request.user, serial)
    form = _build_form(request, device)
    if not form.is_valid():
        return _render_page(request, device, form, status=422)
    with show_in_form(form, at="stock") as refused:
        origin = origins.get_site_origin(request)
        drawn = printing.print_label(form=form, device=device, origin=origin, output=output)
    if refused:
        return _render_page(request, device, form, status=refused.status)
    return _answer_with_file(drawn, f"{device.serial}.{output}", OUTPUTS[output].content_type)


def _answer_with_file(content: bytes, name: str, kind: str, *, shown: bool = False) -> HttpResponse:
    if shown:
        return HttpResponse(content, content_type=kind, headers={"Cache-Control": "private, max-age=300"})
    disposition = content_disposition_header(as_attachment=True, filename=name) or ""
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": disposition})
