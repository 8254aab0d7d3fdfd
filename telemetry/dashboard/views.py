from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpResponseBadRequest, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices import streams
from devices.access import get_device, manages
from devices.models import Event
from lib import paging
from telemetry.dashboard import readings
from telemetry.dashboard.stream_check import Watch
from telemetry.history import export as telemetry_export
from telemetry.history import series as history
from telemetry.history import time_range
from telemetry.models import Report
from tenants import downloads

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.models import User

RECENT = 20
EVENTS = 50
SPACING = 1.0  # seconds between two refreshes of a page, at least


@never_cache
@login_required
@require_safe
def dashboard(request: HttpRequest, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    try:
        span = time_range.named(request.GET)
    except time_range.BadInput:
        span = time_range.DEFAULT
    declared = readings.attributes(device)
    context = {
        **readings.live(device, declared),
        "declared": declared,
        "path": readings.path(request.user, device),
        "manages": manages(request.user, device),
        "charts": [attribute for attribute in declared if attribute.type == attribute.Type.NUMBER],
        "ranges": list(time_range.RANGES),
        "range": span,
        "recent": readings.table(device, declared, RECENT),
    }
    return render(request, "telemetry/dashboard/dashboard.html", context)


@never_cache
@login_required
@require_safe
def live(request: HttpRequest, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    return render(request, "telemetry/dashboard/_live.html", readings.live(device, readings.attributes(device)))


@streams.long_lived
@require_safe
@login_required
async def stream(request: HttpRequest, serial: str) -> HttpResponseBase:
    def look(user: User, standing: QuerySet[User]) -> streams.Topic:
        device = get_device(user, serial)
        return streams.Topic(f"device:{device.device_id}", Watch(users=standing, device_id=device.pk))

    return await streams.serve(request, look, spacing=SPACING)


@never_cache
@login_required
@require_safe
def series(request: HttpRequest, serial: str) -> JsonResponse:
    device = get_device(request.user, serial)
    try:
        span = time_range.parse(request.GET)
        names = readings.numeric(device, request.GET.getlist("attribute"))
    except time_range.BadInput as problem:
        return JsonResponse({"error": str(problem)}, status=400)
    return JsonResponse(history.read(Report.objects.of(device), names, span).as_json(span))


@never_cache
@login_required
@require_safe
@downloads.bounded
def export(request: SignedIn, serial: str) -> HttpResponse | StreamingHttpResponse:
    device = get_device(request.user, serial)
    try:
        span = time_range.parse(request.GET)
    except time_range.BadInput as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain; charset=utf-8")
    lines = telemetry_export.lines(device, request.user, readings.attributes(device), span)
    disposition = content_disposition_header(as_attachment=True, filename=f"{device.serial}.csv")
    return StreamingHttpResponse(
        lines, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition}
    )


@never_cache
@login_required
@require_safe
def events(request: HttpRequest, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    rows = Event.objects.of(device).select_related("by")
    shown, older = paging.newest(rows, EVENTS, before=request.GET.get("before", ""))
    context = {"device": device, "events": shown, "older": older}
    return render(request, "telemetry/dashboard/events.html", context)
