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
from devices.labels.documents import OUTPUTS
from devices.labels.forms import PrintJobForm
from devices.models import LabelPrintJob
from lib import origins, streaming
from lib.refusal_pages import return_to, show_in_form
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
    """Show the form; the address may name the devices as the device list's does, and anything else of the form."""
    user = require_admin(request.user)
    return _render_page(request, _build_form(user, request.GET.dict()))


@login_required
@require_POST
def preview(request: SignedIn) -> HttpResponse:
    """Show what would be printed; changes nothing. POST, since pasted serials are too long for an address."""
    user = require_admin(request.user)
    return _render_page(request, _build_form(user, request.POST.dict(), plain=False))


@login_required
@require_POST
@downloads.limit_downloads
def print_labels(request: SignedIn) -> HttpResponse:
    """Print some hundreds at once, more of them by a worker."""
    user, form = require_admin(request.user), _build_form(request.user, request.POST.dict(), plain=False)
    context = _build_preview(request, form)
    count = context["count"]
    if not form.is_valid() or not isinstance(count, int) or "drawing" not in context:
        return _render_page(request, form, status=422)
    origin = origins.get_site_origin(request)
    printing.remember_looks(form=form, by=user)
    if count > printing.STRAIGHT:
        return redirect(printing.queue_print_job(form=form, by=user, origin=origin, total=count))
    made = OUTPUTS[form.chosen_output]
    name = content_disposition_header(as_attachment=True, filename=f"labels-{count}.{made.suffix}") or ""
    drawn = printing.print_now(form=form, by=user, origin=origin)
    return HttpResponse(drawn, content_type=made.content_type, headers={"Content-Disposition": name})


def _build_form(user: User, data: dict[str, str], *, plain: bool = True) -> PrintJobForm:
    assert user.organisation is not None
    return PrintJobForm(data, user=user, organisation=user.organisation, plain=plain, looks=user.label_looks)


def _render_page(request: SignedIn, form: PrintJobForm, status: int = 200) -> HttpResponse:
    context = {"form": form, **_build_preview(request, form)}
    if request.htmx.target == "preview":
        return render(request, "devices/labels/_print_preview.html", context)
    recent = LabelPrintJob.objects.of(request.user).select_related("file")[:RECENT]
    return render(request, "devices/labels/print.html", context | {"recent": recent}, status=status)


def _build_preview(request: SignedIn, form: PrintJobForm) -> dict[str, object]:
    """Return the first label, how many there are, and on how many pages; or what is wrong."""
    if not form.is_valid():
        return {"count": None}
    count = form.count()
    seen = None
    with show_in_form(form):
        printing.refuse_count(count)
        seen = printing.draw_first_label(form=form, origin=origins.get_site_origin(request))
    if not seen:
        return {"count": count}
    drawing, options = seen
    pages = -(-(count + options.start - 1) // options.stock.per_page)
    spots = [options.stock.corner(number) for number in range(options.stock.per_page)]
    later = count > printing.STRAIGHT
    notes = printing.note_preview(form=form, origin=options.origin)
    noticed = {"notes": notes, "noted": printing.NOTED}
    shown = {"drawing": drawing, "options": options, "dots": options.dots, "stock": options.stock, "spots": spots}
    return {"count": count, "pages": pages, "later": later, "last": count + options.start - 1, **noticed, **shown}


@require_GET
@login_required
@never_cache
def sheet(request: SignedIn, key: UUID) -> HttpResponse:
    """Show the whole page, or for htmx the part that changes."""
    return _render_sheet(request, get_sheet(request.user, key))


def _render_sheet(request: SignedIn, sheet: LabelPrintJob) -> HttpResponse:
    context = {"sheet": sheet, **progress.build_context(sheet)}
    context |= {"fragment": "devices/labels/_print_job.html", "stream": "devices:sheet-stream"}
    template = "devices/labels/_print_job.html" if request.htmx else "devices/labels/print_job.html"
    return render(request, template, context)


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    return await progress.stream(request, get_sheet, key)


@require_GET
@login_required
@never_cache
@return_to("devices:sheet")
@downloads.limit_downloads
def sheet_file(request: SignedIn, key: UUID) -> HttpResponseBase:
    """Send the file as often as it is wanted, for a day, to whoever manages its devices then."""
    sheet = get_sheet(request.user, key)
    if sheet.file is None:
        return redirect(sheet)
    return attach_file(printing.take_file(sheet=sheet, by=request.user))


def attach_file(file: File) -> StreamingHttpResponse:
    name = content_disposition_header(as_attachment=True, filename=file.name) or ""
    headers = {"Content-Disposition": name, "Content-Length": str(file.size)}
    return StreamingHttpResponse(read_parts(file), content_type=file.content_type, headers=headers)


async def read_parts(file: File) -> AsyncIterator[bytes]:
    chunks = files.read_chunks(file)
    while part := await streaming.run_step(next, chunks, b""):
        yield part


@login_required
@require_POST
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    sheet = get_sheet(request.user, key)
    if printing.cancel(sheet=sheet, by=request.user):
        messages.info(request, "Cancelled. No labels were made.")
    return redirect("devices:sheets")
