"""The log: what happened to groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants import downloads
from tenants.access import require_admin
from tenants.models import Change
from tenants.spreadsheet import written

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from django.http import HttpResponse

    from tenants.access import SignedIn
    from tenants.models import ChangeQuerySet

SIZE = 50
CHUNK = 2_000
LONGEST = 120


@require_safe
@login_required
def changes(request: SignedIn) -> HttpResponse:
    found, given = _found(request), _given(request)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    rows = list(found.select_related("by")[: SIZE + 1])
    following = rows[SIZE - 1].pk if len(rows) > SIZE else None
    context = {"rows": rows[:SIZE], "following": following, **given}
    return render(request, "tenants/changes.html", context)


@require_safe
@login_required
@downloads.bounded
def export(request: SignedIn) -> StreamingHttpResponse:
    """All that the filters find, newest first."""
    headers = {"Content-Disposition": 'attachment; filename="log.csv"'}
    return StreamingHttpResponse(_lines(_found(request)), content_type="text/csv; charset=utf-8", headers=headers)


def _given(request: SignedIn) -> dict[str, str]:
    return {name: request.GET.get(name, "").replace("\0", "").strip()[:LONGEST] for name in ("who", "q")}


def _found(request: SignedIn) -> ChangeQuerySet:
    return Change.objects.visible_to(require_admin(request.user)).matching(**_given(request))


async def _lines(found: ChangeQuerySet) -> AsyncIterator[bytes]:
    """A few thousand rows at a time; no connection is held in between."""
    yield written([["Time (UTC)", "Who", "What", "Group"]])
    rows = found
    while chunk := await downloads.step(_chunk, rows):
        yield written([f"{at:%Y-%m-%dT%H:%M:%SZ}", who or "", what, group] for _, at, who, what, group in chunk)
        rows = found.filter(pk__lt=chunk[-1][0])


def _chunk(rows: ChangeQuerySet) -> list[tuple[int, datetime, str | None, str, str]]:
    return list(rows.values_list("pk", "at", "by__email", "what", "group_name")[:CHUNK])
