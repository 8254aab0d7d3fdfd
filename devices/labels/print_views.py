"""Labels for many devices: choose, look, print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from devices import streams
from devices.access import get_sheet
from devices.jobs import files, progress
from devices.labels import printing
from devices.labels.forms import MOST, SheetForm
from devices.labels.layout import TooSmall
from devices.models import Sheet
from lib import origins, streaming
from tenants import downloads
from tenants.access import require_admin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from django.http.response import HttpResponseBase

    from devices.models import File
    from tenants.access import SignedIn
    from tenants.models import User

RECENT = 5


@require_safe
@login_required
@never_cache
def sheets(request: SignedIn) -> HttpResponse:
    """The address may name the devices as the device list's does, and anything else of the form."""
    user = require_admin(request.user)
    return _page(request, _form(user, request.GET.dict()))


@login_required
@require_POST
def preview(request: SignedIn) -> HttpResponse:
    """What would be printed; changes nothing. POST, since pasted serials are too long for an address."""
    user = require_admin(request.user)
    return _page(request, _form(user, request.POST.dict(), plain=False))


@login_required
@require_POST
@downloads.bounded
def print_labels(request: SignedIn) -> HttpResponse:
    """Some hundreds at once, more of them by a worker."""
    user, form = require_admin(request.user), _form(request.user, request.POST.dict(), plain=False)
    context = _preview(request, form)
    count = context["count"]
    if not form.is_valid() or not isinstance(count, int) or "drawing" not in context:
        return _page(request, form, status=422)
    if count > printing.STRAIGHT:
        return redirect(printing.ask(form=form, by=user, origin=origins.named(request), total=count))
    name = content_disposition_header(as_attachment=True, filename=f"labels-{count}.pdf") or ""
    drawn = printing.printed(form=form, by=user, origin=origins.named(request))
    return HttpResponse(drawn, content_type="application/pdf", headers={"Content-Disposition": name})


def _form(user: User, data: dict[str, str], *, plain: bool = True) -> SheetForm:
    assert user.organisation is not None
    return SheetForm(data, user=user, organisation=user.organisation, plain=plain)


def _page(request: SignedIn, form: SheetForm, status: int = 200) -> HttpResponse:
    context = {"form": form, **_preview(request, form)}
    if request.htmx.target == "preview":
        return render(request, "devices/labels/_print_preview.html", context)
    recent = Sheet.objects.of(request.user).select_related("file")[:RECENT]
    return render(request, "devices/labels/print.html", context | {"recent": recent}, status=status)


def _preview(request: SignedIn, form: SheetForm) -> dict[str, object]:
    """The first label, how many there are, and on how many pages; or what is wrong."""
    if not form.is_valid():
        return {"count": None}
    count = form.count()
    if not count:
        form.add_error(None, "No device that you manage is among these. Choose others.")
    elif count > MOST:
        form.add_error(None, f"These are {count:,} labels; at most {MOST:,} are printed at once. Narrow the choice.")
    try:
        seen = printing.first(form=form, origin=origins.named(request)) if form.is_valid() else None
    except TooSmall as error:
        form.add_error("stock", str(error))
        return {"count": count}
    if not seen:
        return {"count": count}
    drawing, options = seen
    pages = -(-(count + options.start - 1) // options.stock.per_page)
    spots = [options.stock.corner(number) for number in range(options.stock.per_page)]
    later = count > printing.STRAIGHT
    shown = {"drawing": drawing, "options": options, "stock": options.stock, "spots": spots}
    return {"count": count, "pages": pages, "later": later, "last": count + options.start - 1, **shown}


@require_GET
@login_required
@never_cache
def sheet(request: SignedIn, key: UUID) -> HttpResponse:
    """The whole page, or for htmx the part that changes."""
    return _shown(request, get_sheet(request.user, key))


def _shown(request: SignedIn, sheet: Sheet, *, refused: str = "", status: int = 200) -> HttpResponse:
    context = {"sheet": sheet, "refused": refused, **progress.shown(sheet)}
    context |= {"fragment": "devices/labels/_print_job.html", "stream": "devices:sheet-stream"}
    template = "devices/labels/_print_job.html" if request.htmx else "devices/labels/print_job.html"
    return render(request, template, context, status=status)


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    return await progress.stream(request, get_sheet, key)


@require_GET
@login_required
@never_cache
@downloads.bounded
def sheet_file(request: SignedIn, key: UUID) -> HttpResponseBase:
    """As often as it is wanted, for a day, by whoever manages its devices then."""
    sheet = get_sheet(request.user, key)
    if sheet.file is None:
        return redirect(sheet)
    try:
        return attached(printing.taken(sheet=sheet, by=request.user))
    except printing.Refused as refusal:
        return _shown(request, sheet, refused=str(refusal), status=410)


def attached(file: File) -> StreamingHttpResponse:
    name = content_disposition_header(as_attachment=True, filename=file.name) or ""
    headers = {"Content-Disposition": name, "Content-Length": str(file.size)}
    return StreamingHttpResponse(parts(file), content_type=file.content_type, headers=headers)


async def parts(file: File) -> AsyncIterator[bytes]:
    chunks = files.chunks(file)
    while part := await streaming.step(next, chunks, b""):
        yield part


@login_required
@require_POST
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    sheet = get_sheet(request.user, key)
    if printing.cancel(sheet=sheet, by=request.user):
        messages.info(request, "Cancelled. No labels were made.")
    return redirect("devices:sheets")
