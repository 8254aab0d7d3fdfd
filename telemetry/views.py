from __future__ import annotations

from typing import TYPE_CHECKING, cast

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseBadRequest, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import devices.live
from devices.access import get_device, manages
from devices.models import Event
from telemetry import export as csv
from telemetry import series as history
from telemetry import spans, state
from telemetry.models import Report
from telemetry.watch import Watch
from tenants import keys
from tenants.accounts import sessions

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

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
        span = spans.named(request.GET)
    except spans.BadInput:
        span = spans.DEFAULT
    declared = state.attributes(device)
    context = {
        **state.live(device, declared),
        "declared": declared,
        "path": state.path(request.user, device),
        "manages": manages(request.user, device),
        "charts": [attribute for attribute in declared if attribute.type == attribute.Type.NUMBER],
        "ranges": list(spans.RANGES),
        "range": span,
        "recent": state.table(device, declared, RECENT),
    }
    return render(request, "telemetry/dashboard.html", context)


@never_cache
@login_required
@require_safe
def live(request: HttpRequest, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    return render(request, "telemetry/_live.html", state.live(device, state.attributes(device)))


@login_required
@require_safe
async def stream(request: HttpRequest, serial: str) -> StreamingHttpResponse:
    user = cast("User", await request.auser())
    device = await sync_to_async(get_device)(user, serial)
    last = request.headers.get("Last-Event-ID") or request.GET.get("last", "")
    watch = Watch(users=sessions.standing(user, request.session), device_id=device.pk)
    return devices.live.response(f"device:{device.device_id}", watch, last=last, spacing=SPACING)


@never_cache
@login_required
@require_safe
def series(request: HttpRequest, serial: str) -> JsonResponse:
    device = get_device(request.user, serial)
    try:
        span = spans.parse(request.GET)
        names = state.numeric(device, request.GET.getlist("attribute"))
    except spans.BadInput as problem:
        return JsonResponse({"error": str(problem)}, status=400)
    return JsonResponse(history.read(Report.objects.of(device), names, span).as_json(span))


@never_cache
@login_required
@require_safe
def export(request: HttpRequest, serial: str) -> HttpResponse | StreamingHttpResponse:
    device = get_device(request.user, serial)
    try:
        span = spans.parse(request.GET)
    except spans.BadInput as problem:
        return HttpResponseBadRequest(str(problem), content_type="text/plain; charset=utf-8")
    lines = csv.lines(Report.objects.of(device), state.attributes(device), span)
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
    if before := keys.whole(request.GET.get("before", "")):
        rows = rows.filter(pk__lt=before)
    page = list(rows[: EVENTS + 1])
    context = {"device": device, "events": page[:EVENTS], "older": page[EVENTS - 1].pk if len(page) > EVENTS else None}
    return render(request, "telemetry/events.html", context)
