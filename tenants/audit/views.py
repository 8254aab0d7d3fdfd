"""The log: what happened to groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from lib import paging, parsing, streaming
from lib.csv_export import written
from tenants import downloads
from tenants.access import require_admin
from tenants.grants import anew
from tenants.models import Change

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from django.http import HttpResponse

    from tenants.access import SignedIn
    from tenants.models import User

SIZE = 50
CHUNK = 2_000


@require_safe
@login_required
def changes(request: SignedIn) -> HttpResponse:
    given = _given(request)
    found = Change.objects.visible_to(require_admin(request.user)).matching(**given)
    rows, following = paging.newest(found.select_related("by"), SIZE, before=request.GET.get("before", ""))
    context = {"rows": rows, "following": following, **given}
    return render(request, "tenants/audit/log.html", context)


@require_safe
@login_required
@downloads.bounded
def export(request: SignedIn) -> StreamingHttpResponse:
    """All that the filters find, newest first."""
    headers = {"Content-Disposition": 'attachment; filename="log.csv"'}
    lines = _lines(require_admin(request.user), _given(request))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _given(request: SignedIn) -> dict[str, str]:
    return {name: parsing.sought(request.GET.get(name, "")) for name in ("who", "q")}


async def _lines(user: User, given: dict[str, str]) -> AsyncIterator[bytes]:
    """A few thousand rows at a time, each time of what the user may read then; no connection is held in between."""
    yield written([["Time (UTC)", "Who", "What", "Group"]])
    last = None
    while chunk := await streaming.step(_chunk, user, given, last):
        yield written([f"{at:%Y-%m-%dT%H:%M:%SZ}", who or "", what, group] for _, at, who, what, group in chunk)
        last = chunk[-1][0]


def _chunk(user: User, given: dict[str, str], last: int | None) -> list[tuple[int, datetime, str | None, str, str]]:
    found = Change.objects.visible_to(anew(user)).matching(**given)
    rows = found if last is None else found.filter(pk__lt=last)
    return list(rows.values_list("pk", "at", "by__email", "what", "group_name")[:CHUNK])
