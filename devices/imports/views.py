"""An import, from the matching of its columns to its result: one page for every state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from devices import imports, refusals, streams
from devices.access import get_import
from devices.credentials import deliveries
from devices.imports import status as import_status
from devices.imports.doubles import describe_unnamed
from devices.imports.forms import MatchForm, ReadingForm, read_corrections
from devices.imports.refusals import IMPORT_NOT_STARTABLE
from devices.imports.sheet_choice import tell_unread
from devices.jobs import progress
from devices.models import Delivery, Import
from lib import paging, streaming
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from lib.refusals import Refusal
from lib.streaming import make_csv_response
from tenants import downloads
from tenants.access import get_row, require_owner
from tenants.grants import reload_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from uuid import UUID

    from django.http import HttpResponse, StreamingHttpResponse
    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.models import User

State = Import.State


@require_safe
@login_required
@never_cache
def listing(request: SignedIn) -> HttpResponse:
    require_owner(request.user)
    scope = Import.objects.manageable_by(request.user).select_related("version__recipe", "by", "file")
    page = paging.find_asked_page(scope, paging.NEWEST_FIRST, import_status.SIZE, request.GET.dict())
    return render(request, "devices/imports/imports.html", {"page": page})


@require_safe
@login_required
@never_cache
def page(request: SignedIn, key: UUID) -> HttpResponse:
    """Show the whole page, or for htmx the part that changes."""
    importing = get_import(request.user, key)
    if import_status.is_matching(importing, asked="columns" in request.GET):
        return _matching(request, importing)
    return _page(request, importing)


def _page(request: SignedIn, importing: Import) -> HttpResponse:
    context = import_status.build_context(importing, request.user, request.GET.dict())
    template = "devices/imports/_import.html" if request.htmx else "devices/imports/import.html"
    page = {"fragment": "devices/imports/_import.html", "stream": "devices:import-stream"}
    return render(request, template, context | page)


def _matching(request: SignedIn, importing: Import, form: MatchForm | None = None, status: int = 200) -> HttpResponse:
    reading = ReadingForm(request.POST or request.GET, importing=importing)
    preview, cause = reading.try_preview()
    if preview:
        reading.offer_rows(preview.first)
    if form is None and preview:
        form = MatchForm(user=request.user, importing=importing, preview=preview, encoding=reading.chosen_encoding)
        form.keep_answers(request.GET)
    context = {"importing": importing, "reading": reading, "preview": preview, "cause": cause, "form": form}
    if preview:
        importing.sheet = preview.sheet  # as it is read here
    context |= {"unread": tell_unread(importing), "unnamed": describe_unnamed(importing)}
    context |= {"job": importing, "fragment": "devices/imports/_matching_columns.html"}
    template = "devices/imports/_matching_columns.html" if request.htmx else "devices/imports/import.html"
    return render(request, template, context, status=status)


@login_required
@redirect_unless_posted(back="devices:import")
def match(request: SignedIn, key: UUID) -> HttpResponse:
    """Start the check of every row."""
    importing = get_import(require_owner(request.user), key)
    if not import_status.is_matching(importing, asked=True):
        return redirect(importing)
    reading = ReadingForm(request.POST, importing=importing)
    preview, _ = reading.try_preview()
    if preview is None:
        return _matching(request, importing, status=422)
    told: dict[str, Any] = {"user": request.user, "importing": importing, "preview": preview}
    form = MatchForm(request.POST, **told, encoding=reading.chosen_encoding)
    if not form.is_valid():
        return _matching(request, importing, form, status=422)
    with show_in_form(form) as refused:  # where it comes too late, the page says how far the import is by now
        imports.match(importing=importing, by=request.user, **form.match_arguments)
    return _matching(request, importing, form, status=refused.status) if refused else redirect(importing)


@login_required
@redirect_unless_posted(back="devices:import")
def correct(request: SignedIn, key: UUID) -> HttpResponse:
    """Correct rows here, and have the file checked again."""
    importing, user = get_import(require_owner(request.user), key), request.user
    if "clear" in request.POST:
        imports.drop_corrections(importing=importing, by=user)
    elif sample := request.POST.get("format", ""):
        imports.adopt_format(importing=importing, by=user, sample=sample)
    else:
        imports.correct(importing=importing, by=user, corrections=read_corrections(request.POST, importing))
    return redirect(importing)


@login_required
@redirect_unless_posted(back="devices:import")
def start(request: SignedIn, key: UUID) -> HttpResponse:
    importing = get_import(require_owner(request.user), key)
    if not imports.start(importing=importing, by=request.user):
        importing.refresh_from_db()
        if importing.state == State.CHECKED:
            raise Refusal(IMPORT_NOT_STARTABLE)
    return redirect(importing)


@login_required
@redirect_unless_posted(back="devices:import")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    importing = get_import(require_owner(request.user), key)
    if imports.cancel(importing=importing, by=request.user):
        messages.info(request, "Cancelled. What was made until then stays.")
    return redirect(importing)


@login_required
@redirect_unless_posted(back="devices:import")
@downloads.limit_downloads
def result(request: SignedIn, key: UUID) -> HttpResponseBase:
    """Hand over the secrets, once, and only to whoever had them made."""
    user = require_owner(request.user)
    importing = get_import(user, key)
    delivery = get_row(Delivery.objects.of(user), importing=importing)
    if importing.state not in import_status.ENDED:
        raise Refusal(refusals.RESULT_NOT_READY)
    secret = deliveries.take_key(delivery=delivery, by=user, what=f"import {importing.key}")
    return download(imports.write_result_csv(importing, secret), importing, "result", user, for_programs=True)


@require_GET
@login_required
@downloads.limit_downloads
def report(request: SignedIn, key: UUID) -> HttpResponseBase:
    importing = get_import(request.user, key)
    return download(imports.write_report_csv(importing), importing, "report", request.user)


@require_GET
@login_required
@downloads.limit_downloads
def problems(request: SignedIn, key: UUID) -> HttpResponseBase:
    importing = get_import(request.user, key)
    return download(imports.write_problems_csv(importing), importing, "problems", request.user)


@require_GET
@login_required
@downloads.limit_downloads
def changes(request: SignedIn, key: UUID) -> HttpResponseBase:
    importing = get_import(request.user, key)
    return download(imports.write_changes_csv(importing), importing, "changes", request.user)


def download(
    lines: Iterator[str], importing: Import, kind: str, user: User, *, for_programs: bool = False
) -> StreamingHttpResponse:
    pages, name = _encode_pages(lines, importing, user), f"import-{str(importing.key)[:8]}-{kind}.csv"
    answer = make_csv_response(pages, name, for_programs=for_programs)
    answer["Cache-Control"] = "no-store"
    return answer


async def _encode_pages(pages: Iterator[str], importing: Import, user: User) -> AsyncIterator[bytes]:
    while page := await streaming.run_step(_take_page, pages, importing, user):
        yield page.encode()


def _take_page(pages: Iterator[str], importing: Import, user: User) -> str:
    """Return the next page; nothing more for whoever may not have it any more."""
    still_theirs = Import.objects.manageable_by(reload_user(user)).filter(pk=importing.pk)
    return next(pages, "") if still_theirs.exists() else ""


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    return await progress.stream(request, get_import, key)
