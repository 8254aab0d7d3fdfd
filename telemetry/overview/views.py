from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from lib import parsing
from telemetry.overview.reading import build_overview
from tenants.access import get_group

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn


@never_cache
@login_required
@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def overview(request: SignedIn, pk: int) -> HttpResponse:
    """Show a group; for htmx what of it changes."""
    group = get_group(request.user, pk)
    skip = parsing.parse_whole_number(request.GET.get("skip", ""))
    context = {"overview": build_overview(request.user, group, skip=skip), "group": group}
    part = "_overview" if request.htmx.target == "overview" else "overview"
    return render(request, f"telemetry/overview/{part}.html", context)
