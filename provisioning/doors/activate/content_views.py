"""Content at a door of activation: what devices download, and what admins upload and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header

from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.doors.access import get_content, get_door
from provisioning.doors.activate import content
from provisioning.doors.activate.forms import ContentForm
from provisioning.doors.kinds import get_kind
from provisioning.doors.views import show_door
from provisioning.models import Door

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

    from devices.models import Device
    from tenants.access import SignedIn

CSV = "text/csv; charset=utf-8"


def answer_download(request: HttpRequest, device: Device) -> HttpResponse:
    """Answer a device: without `id` with the names of all, a line each; with `info=true` with `type,bytes,updated,meta`
    (seconds of the epoch); else with the bytes, or those of its `Range`. Raises Refusal."""
    asked = request.GET
    contents = content.find_for(device, asked.get("vendor", ""), asked.get("model", ""))
    if "id" not in asked:
        names = "".join(f"{name}\n" for name in contents.values_list("name", flat=True))
        return HttpResponse(names, content_type=CSV, headers={"Cache-Control": "no-store"})
    found = content.find_named(contents, asked["id"])
    if asked.get("info", "").lower() == "true":
        facts = (found.content_type, found.size, int(found.updated_at.timestamp()), found.meta)
        return HttpResponse(",".join(map(str, facts)), content_type=CSV, headers={"Cache-Control": "no-store"})
    part = content.read_range(request.headers.get("Range", ""), found.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=found.name) or "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    if part is None:
        whole = content.read_bytes(found, content.Range(0, found.size))
        return HttpResponse(whole, content_type=found.content_type, headers=headers)
    headers["Content-Range"] = f"bytes {part.begin}-{part.end - 1}/{found.size}"
    answer = content.read_bytes(found, part)
    return HttpResponse(answer, content_type=found.content_type, status=206, headers=headers)


@login_required
@redirect_unless_posted(back="provisioning:door")
def upload(request: SignedIn, key: UUID) -> HttpResponse:
    door, form = get_door(request.user, key, kind=Door.Kind.ACTIVATE), ContentForm(request.POST, request.FILES)
    if not form.is_valid():
        return show_door(request, door, get_kind(door.kind).describe(door) | {"content_form": form}, status=422)
    with show_in_form(form) as refused:
        kept = content.upload(door=door, by=request.user, **form.content)
    if refused:
        return show_door(
            request, door, get_kind(door.kind).describe(door) | {"content_form": form}, status=refused.status
        )
    messages.success(request, f"{kept} is there for this door's devices.")
    return redirect(door)


@login_required
def delete(request: SignedIn, key: UUID, pk: int) -> HttpResponse:
    chosen = get_content(request.user, key, pk)
    if request.method == "POST" and content.delete(content=chosen, by=request.user):
        messages.success(request, f"{chosen} is deleted: no device can download it any more.")
    return redirect(chosen.door)
