"""The technician's pages: scan, wait for the press, place."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe
from django_htmx.http import HttpResponseClientRedirect

from devices import streams
from devices.identity import serials
from devices.models import Device
from devices.recipes.organisation_format import makes_checked_serials
from lib import origins
from provisioning.models import Window
from provisioning.scanning import label_reader
from provisioning.windows import operations as windows
from provisioning.windows.access import Ambiguous, find_scanned, find_visible, get_window
from provisioning.windows.forms import PlaceForm, ScanForm
from tenants.access import require_technician
from tenants.models import User
from tenants.posted import posted

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn

WHY_NOT = {
    Window.State.WAITING: "The button has not been pressed in this window yet. Press it, then finish.",
    Window.State.PRESSED: "The device or the group changed meanwhile, and nothing was done. Look again, then finish.",
    Window.State.COMPLETED: "This registration was already finished.",
    Window.State.CANCELLED: "This registration was cancelled. Scan the label again.",
    Window.State.SUPERSEDED: "You scanned this device again, which started a new window. Go on there.",
    Window.State.EXPIRED: "The time is up, and nothing was changed. Scan the label again.",
}


@require_GET
@login_required
@never_cache
def register(request: SignedIn) -> HttpResponse:
    require_technician(request.user)
    return _scanner(request, ScanForm(initial={"text": request.GET.get("serial", "")[: serials.MAX_LENGTH]}))


@login_required
@posted(back="provisioning:register")
def scan(request: SignedIn) -> HttpResponse:
    """Opens a window: it changes state, hence POST, and redirects to a page that may be reloaded."""
    user = require_technician(request.user)
    form = ScanForm(request.POST, origins=origins.known(request))
    if not form.is_valid():
        return _scanner(request, form, status=422)
    try:
        device, mine = find_scanned(user, form.reading)
    except Ambiguous as two:
        form.refuse_ambiguous(two)
        return _scanner(request, form, status=409)
    if device is None:
        return _not_registrable(request, form, mine)
    try:
        window = windows.open_window(device=device, by=user)
    except windows.Busy as busy:
        form.refuse_busy(minutes=ceil((busy.until - timezone.now()).total_seconds() / 60))
        return _scanner(request, form, status=409)
    except windows.Barred as barred:
        form.add_error("text", str(barred))
        return _scanner(request, form, status=409)
    return redirect("provisioning:window", key=window.key)


def _not_registrable(request: SignedIn, form: ScanForm, mine: Device | None) -> HttpResponse:
    if mine:
        return _scanner(request, form, status=409, mine=mine)
    form.refuse_unknown(checked=makes_checked_serials(request.user.organisation))
    return _scanner(request, form, status=422 if form.reading.what else 404)


def _scanner(request: SignedIn, form: ScanForm, *, status: int = 200, mine: Device | None = None) -> HttpResponse:
    context = {"form": form, "mine": mine, "label_origins": settings.SITE_URLS}
    return render(request, "provisioning/windows/register.html", context, status=status)


@require_GET
@login_required
@never_cache
def window(request: SignedIn, key: UUID) -> HttpResponse:
    """The whole page, or for htmx the part that changes."""
    found = get_window(request.user, key)
    if found.state == Window.State.COMPLETED and not request.htmx:
        return redirect("telemetry:dashboard", serial=found.device.serial)
    return _window(request, found)


def _window(request: SignedIn, found: Window, form: PlaceForm | None = None, status: int = 200) -> HttpResponse:
    device = Device.objects.with_status().get(pk=found.device_id)
    if form is None and found.state == Window.State.PRESSED:
        form = PlaceForm(user=request.user, device=found.device)
    mine = find_visible(request.user, device.serial) if device.group_id else None
    seconds = max(0, ceil((found.deadline - found.now).total_seconds()))
    context = {
        "window": found,
        "device": device,
        "form": form,
        "seconds": seconds,
        "clock": f"{seconds // 60}:{seconds % 60:02}",
        "version": version(found, device),
        "mine": mine,
        "known": mine or device.group_id is None,  # when it was last heard is its tenant's to know
    }
    template = "provisioning/windows/_window.html" if request.htmx else "provisioning/windows/window.html"
    return render(request, template, context, status=status)


def version(found: Window, device: Device) -> str:
    """What the page shows; while the form is being filled in, only the window's own state counts."""
    return f"{found.state}-{device.status}" if found.state == Window.State.WAITING else found.state


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    """This window's progress, and nothing of the device's telemetry."""

    def look(user: User, standing: QuerySet[User]) -> streams.Topic:
        get_window(user, key)
        return streams.Topic(windows.topic(key), partial(progress, standing, key))

    return await streams.serve(request, look)


def progress(users: QuerySet[User], key: UUID) -> streams.Seen | None:
    """Gates anew, from the rows: a role taken away, a disabled user or a sign-in that ended ends the stream."""
    try:
        found = get_window(users.get(), key)
    except (User.DoesNotExist, Http404):
        return None
    device = Device.objects.with_status().get(pk=found.device_id)
    ended = found.state not in {Window.State.WAITING, Window.State.PRESSED}
    return streams.Seen(version(found, device), (found.deadline - found.now).total_seconds(), final=ended)


@login_required
@posted(back="provisioning:window")
def place(request: SignedIn, key: UUID) -> HttpResponse:
    user = require_technician(request.user)
    found = get_window(user, key)
    form = PlaceForm(request.POST, user=user, device=found.device)
    if not form.is_valid():
        return _window(request, found, form, status=422)
    try:
        device = windows.finish(window=found, by=user, **form.cleaned_data)
    except windows.NotOpen:
        now = get_window(user, key)
        form.add_error(None, WHY_NOT[Window.State(now.state)])
        return _window(request, now, form, status=409)
    except windows.Barred as barred:
        form.add_error(None, str(barred))
        return _window(request, get_window(user, key), form, status=409)
    messages.success(request, f"{device.name} is placed in {device.group}.")
    dashboard = reverse("telemetry:dashboard", kwargs={"serial": device.serial})
    return HttpResponseClientRedirect(dashboard) if request.htmx else redirect(dashboard)


@login_required
@posted(back="provisioning:window")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    user = require_technician(request.user)
    if windows.cancel(window=get_window(user, key), by=user):
        messages.info(request, "Registration cancelled. Nothing was changed.")
    return redirect("provisioning:register")


@require_GET
@login_required
def label(request: SignedIn, serial: str) -> HttpResponse:
    """What a phone's own camera opens: an owner's dashboard, a technician's register page, else the same 404."""
    try:
        device, mine = find_scanned(request.user, label_reader.read(serial, origins=origins.known(request)))
    except (label_reader.NotALabel, Ambiguous):
        raise Http404 from None
    if mine:
        return redirect("telemetry:dashboard", serial=mine.serial)
    if device:
        return redirect(f"{reverse('provisioning:register')}?{urlencode({'serial': device.serial})}")
    raise Http404
