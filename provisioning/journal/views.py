"""The journal's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from lib import merged_paging
from lib.paging import Page
from lib.streaming import make_csv_response
from provisioning.journal import today
from provisioning.journal.entries import build_entries
from provisioning.journal.export import stream_lines
from provisioning.journal.forms import JournalFilter
from provisioning.journal.sources import list_sources
from tenants import downloads
from tenants.access import require_admin

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn

SIZE = 50


@require_safe
@login_required
def journal(request: SignedIn) -> HttpResponse:
    user = require_admin(request.user)
    form = JournalFilter(request.GET, user=user)
    with timezone.override(user.find_clock().zone_info):
        filters = form.read()
    page = Page([], "", "")
    if filters is not None:
        page = merged_paging.find_asked_page(list_sources(user, filters), SIZE, request.GET.dict())
    context = {"form": form, "page": page, "entries": build_entries(user, page.rows), "narrowed": form.is_narrowed}
    return render(request, "provisioning/journal/journal.html", context)


@require_safe
@login_required
def day(request: SignedIn) -> HttpResponse:
    """Show today, or another day, at a glance."""
    user = require_admin(request.user)
    with timezone.override(user.find_clock().zone_info):
        chosen = today.parse_day(request.GET.get("day", ""))
        context = {"day": today.sum_up(user, chosen), "is_today": chosen == timezone.localdate()}
    return render(request, "provisioning/journal/day.html", context)


@require_safe
@login_required
@downloads.limit_downloads
def export(request: SignedIn) -> HttpResponseBase:
    """Stream all that the filters find as CSV, newest first; nothing where they are not understood."""
    user = require_admin(request.user)
    with timezone.override(user.find_clock().zone_info):
        filters = JournalFilter(request.GET, user=user).read()
    if filters is None:
        return journal(request)
    return make_csv_response(stream_lines(user, filters), "journal.csv")
