"""An import, from the matching of its columns to its result: one page for every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from devices import imports, streams
from devices.access import get_import
from devices.credentials import deliveries
from devices.imports import status as import_status
from devices.imports.forms import MatchForm, ReadingForm
from devices.jobs import progress
from devices.models import Delivery, Import
from lib import key_wrapping, streaming
from lib.streaming import attachment
from tenants import downloads
from tenants.access import found, require_owner
from tenants.grants import anew
from tenants.posted import posted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from uuid import UUID

    from django.http import HttpResponse
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
    return render(request, "devices/imports/imports.html", {"page": import_status.page(scope, request.GET)})


@require_safe
@login_required
@never_cache
def page(request: SignedIn, key: UUID) -> HttpResponse:
    """The whole page, or for htmx the part that changes."""
    importing = get_import(request.user, key)
    if import_status.matches(importing, asked="columns" in request.GET):
        return _matching(request, importing)
    return _page(request, importing)


def _page(request: SignedIn, importing: Import) -> HttpResponse:
    context = import_status.context(importing, request.user, after=request.GET.get("after", ""))
    template = "devices/imports/_import.html" if request.htmx else "devices/imports/import.html"
    page = {"fragment": "devices/imports/_import.html", "stream": "devices:import-stream"}
    return render(request, template, context | page)


def _matching(request: SignedIn, importing: Import, form: MatchForm | None = None, status: int = 200) -> HttpResponse:
    reading = ReadingForm(request.POST or request.GET, importing=importing)
    cause = ""
    try:
        preview = reading.preview()
    except imports.Unreadable as error:
        preview, cause = None, error.cause
    if form is None and preview:
        form = MatchForm(user=request.user, importing=importing, preview=preview)
    context = {"importing": importing, "reading": reading, "preview": preview, "cause": cause, "form": form}
    context |= {"job": importing, "fragment": "devices/imports/_matching_columns.html"}
    template = "devices/imports/_matching_columns.html" if request.htmx else "devices/imports/import.html"
    return render(request, template, context, status=status)


@login_required
@posted(back="devices:import")
def match(request: SignedIn, key: UUID) -> HttpResponse:
    """Starts the check of every row."""
    importing = get_import(require_owner(request.user), key)
    if not import_status.matches(importing, asked=True):
        return redirect(importing)
    reading = ReadingForm(request.POST, importing=importing)
    try:
        preview = reading.preview()
    except imports.Unreadable:
        return _matching(request, importing, status=422)
    form = MatchForm(request.POST, user=request.user, importing=importing, preview=preview)
    if not _match(form, importing, request.user):
        return _matching(request, importing, form, status=422)
    return redirect(importing)


def _match(form: MatchForm, importing: Import, user: User) -> bool:
    """Whether the form was taken; one that came too late is, and the page says how far the import is by now."""
    if not form.is_valid():
        return False
    try:
        imports.match(importing=importing, by=user, **form.wanted)
    except imports.Unreadable as error:
        form.add_error(None, error.cause)
    except ValidationError as error:
        form.refuse(error)
    return form.is_valid()


@login_required
@posted(back="devices:import")
def start(request: SignedIn, key: UUID) -> HttpResponse:
    importing = get_import(require_owner(request.user), key)
    if not imports.start(importing=importing, by=request.user):
        importing.refresh_from_db()
        if importing.state == State.CHECKED:
            messages.warning(request, "There is nothing to make: no row fits, or all of them had to.")
    return redirect(importing)


@login_required
@posted(back="devices:import")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    importing = get_import(require_owner(request.user), key)
    if imports.cancel(importing=importing, by=request.user):
        messages.info(request, "Cancelled. What was made until then stays.")
    return redirect(importing)


@login_required
@posted(back="devices:import")
@downloads.bounded
def result(request: SignedIn, key: UUID) -> HttpResponseBase:
    """The secrets, once, and only to whoever had them made."""
    user = require_owner(request.user)
    importing = get_import(user, key)
    delivery = found(Delivery.objects.of(user), importing=importing)
    if importing.state not in import_status.ENDED:
        messages.warning(request, "The result is ready when the import has ended.")
        return redirect(importing)
    try:
        secret = deliveries.take(delivery=delivery, by=user, what=f"import {importing.key}")
    except (deliveries.Gone, key_wrapping.Unsealable):
        delivery.refresh_from_db()
        return render(
            request, "devices/imports/import_gone.html", {"importing": importing, "delivery": delivery}, status=410
        )
    return download(imports.result_csv(importing, secret), importing, "result", user)


@require_GET
@login_required
@downloads.bounded
def report(request: SignedIn, key: UUID) -> HttpResponseBase:
    importing = get_import(request.user, key)
    return download(imports.report_csv(importing), importing, "report", request.user)


@require_GET
@login_required
@downloads.bounded
def problems(request: SignedIn, key: UUID) -> HttpResponseBase:
    importing = get_import(request.user, key)
    return download(imports.problems_csv(importing), importing, "problems", request.user)


def download(lines: Iterator[str], importing: Import, kind: str, user: User) -> StreamingHttpResponse:
    answer = attachment(_encoded(lines, importing, user), f"import-{str(importing.key)[:8]}-{kind}.csv")
    answer["Cache-Control"] = "no-store"
    return answer


async def _encoded(pages: Iterator[str], importing: Import, user: User) -> AsyncIterator[bytes]:
    while page := await streaming.step(_following, pages, importing, user):
        yield page.encode()


def _following(pages: Iterator[str], importing: Import, user: User) -> str:
    """Nothing more for whoever may not have it any more."""
    mine = Import.objects.manageable_by(anew(user)).filter(pk=importing.pk)
    return next(pages, "") if mine.exists() else ""


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    return await progress.stream(request, get_import, key)
