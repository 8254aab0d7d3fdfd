from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices import streams
from devices.access import get_device, manages
from devices.attention.reading import list_attention
from devices.commands.listing import describe, list_offered
from devices.connections.refused_attempts import list_attempts
from devices.lifecycle import removal
from devices.models import Event
from devices.ties.listing import list_ties
from lib import paging
from lib.streaming import make_csv_response, make_file_response
from telemetry.dashboard import readings
from telemetry.dashboard.life import list_life
from telemetry.dashboard.stream_check import Watch, look_all
from telemetry.history import export as telemetry_export
from telemetry.history import kept, parquet_export, states, time_range
from telemetry.history import series as history
from telemetry.ingest.times import count_milliseconds
from telemetry.templatetags.readings import tone
from tenants import downloads
from tenants.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
    from django.http.response import HttpResponseBase

    from devices.models import Attribute, Device
    from tenants.access import SignedIn
    from tenants.accounts.sessions import SignIn

RECENT = 20
EVENTS = 50
SPACING = 1.0  # seconds between two refreshes of a page, at least


@never_cache
@login_required
@require_safe
def dashboard(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    if moments := time_range.name_zone(request.GET, request.user.find_clock().zone_info):
        return redirect(f"{request.path}?{moments}#history-title")
    declared = readings.list_attributes(device)
    context: dict[str, Any] = {
        **readings.build_live_context(device, declared),
        "declared": declared,
        "path": readings.list_path(request.user, device),
        "manages": manages(request.user, device),
        "removable": isinstance(request.user, User) and removal.is_removable(device, request.user),
        "attempts": list_attempts(request.user, device),
        "offered": list_offered(request.user, device),
        **list_attention(request.user, device, declared),
        "ties": list_ties(request.user, device),
        **_build_history(request, device, declared),
    }
    context["commands"] = describe(request.user, context["sent"])
    return render(request, "telemetry/dashboard/dashboard.html", context)


def _build_history(request: SignedIn, device: Device, declared: list[Attribute]) -> dict[str, Any]:
    shown = time_range.parse_shown(request.GET, device)
    clock = request.user.find_clock()
    return {
        "charts": [attribute for attribute in declared if attribute.type == attribute.Type.NUMBER],
        "timelines": readings.list_states(declared)[: readings.MOST_TIMELINES],
        "ranges": time_range.NAMES,
        "shown": shown,
        "kept": kept.describe(device, shown.span.start, request.user),
        "ends": ["" if at is None else clock.write_cell(at).replace(" ", "T") for at in shown.ends],
        "most_days": time_range.LONGEST.days,
        "recent": readings.list_recent_reports(device, declared, RECENT),
    }


@never_cache
@login_required
@require_safe
def live(request: HttpRequest, serial: str) -> HttpResponse:
    device = get_device(request.user, serial, related=("assignment",))
    declared = readings.list_attributes(device)
    context = readings.build_live_context(device, declared) | list_attention(request.user, device, declared)
    context["attempts"] = list_attempts(request.user, device)
    context["commands"] = describe(request.user, context["sent"])
    return render(request, "telemetry/dashboard/_live.html", context)


@streams.long_lived
@require_safe
@login_required
async def stream(request: HttpRequest, serial: str) -> HttpResponseBase:
    def look(user: User, sign_in: SignIn) -> streams.Topic:
        device = get_device(user, serial)
        watch = Watch(sign_in, device.pk, user.find_clock())
        return streams.Topic(f"device:{device.device_id}", watch, together=look_all)

    return await streams.serve(request, look, spacing=SPACING)


@never_cache
@login_required
@require_safe
def series(request: HttpRequest, serial: str) -> JsonResponse:
    device = get_device(request.user, serial)
    span = time_range.parse_span(request.GET, device)
    names = readings.choose_numeric(device, request.GET.getlist("attribute"))
    read = history.read_series(device, names, span).as_json(span)
    return JsonResponse(read | kept.tell(device, span.start, request.user))


@never_cache
@login_required
@require_safe
def timeline(request: HttpRequest, serial: str) -> JsonResponse:
    device = get_device(request.user, serial)
    span = time_range.parse_span(request.GET, device)
    attributes = readings.choose_states(device, request.GET.getlist("attribute"))
    timelines = states.read_timelines(device, attributes, span)
    shown = {state for line in timelines.values() for stretch in line.stretches for state in stretch.states}
    return JsonResponse(
        {
            "from": count_milliseconds(span.start),
            "to": count_milliseconds(span.end),
            "timelines": {name: asdict(line) for name, line in timelines.items()},
            "tones": {state: tone(state) for state in shown},
            **kept.tell(device, span.start, request.user),
        }
    )


@never_cache
@login_required
@require_safe
@downloads.limit_downloads
def export(request: SignedIn, serial: str) -> HttpResponse | StreamingHttpResponse:
    device = get_device(request.user, serial)
    span = time_range.parse_file_span(request.GET, device)
    lines = telemetry_export.stream_lines(device, request.user, readings.list_attributes(device), span)
    return make_csv_response(lines, f"{device.serial}.csv")


@never_cache
@login_required
@require_safe
@downloads.limit_downloads
def export_parquet(request: SignedIn, serial: str) -> HttpResponse | StreamingHttpResponse:
    device = get_device(request.user, serial)
    span = time_range.parse_file_span(request.GET, device)
    parts = parquet_export.stream_parquet(device, request.user, readings.list_attributes(device), span)
    return make_file_response(parts, f"{device.serial}.parquet", parquet_export.MEDIA_TYPE)


@never_cache
@login_required
@require_safe
def events(request: SignedIn, serial: str) -> HttpResponse:
    device = get_device(request.user, serial)
    rows = Event.objects.told_to(request.user, device).select_related("by", "group")
    page = paging.find_asked_page(rows, paging.NEWEST_FIRST, EVENTS, request.GET.dict())
    context = {"device": device, "page": page, "told": list_life(request.user, device, page.rows)}
    return render(request, "telemetry/dashboard/events.html", context)
