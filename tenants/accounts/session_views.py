"""Where one is signed in, what happened to one's account, and for admins of an organisation to everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import paging, parsing
from lib.decorators import redirect_unless_posted
from tenants.access import require_owner
from tenants.accounts import sessions as operations
from tenants.models import AccountEvent

if TYPE_CHECKING:
    from tenants.access import SignedIn
    from tenants.models import AccountEventQuerySet

SIZE = 50


@require_safe
@login_required
def sessions(request: SignedIn) -> HttpResponse:
    """Show where one is signed in. The events beside that are paged; the sessions of one person are few."""
    page = _page_events(request, AccountEvent.objects.of(request.user))
    return render(
        request, "tenants/accounts/sessions.html", {"sessions": operations.list_sessions(request, request.user), **page}
    )


@login_required
@redirect_unless_posted(back="tenants:sessions")
@reauthentication_required  # type: ignore[untyped-decorator]
def end(request: SignedIn) -> HttpResponse:
    """End one of one's own sessions, except this one: that is signing out."""
    if not operations.end_session(user=request.user, pk=parsing.parse_whole_number(request.POST.get("session", ""))):
        raise Http404
    messages.success(request, "That browser is signed out.")
    return redirect("tenants:sessions")


@login_required
@redirect_unless_posted(back="tenants:sessions")
@reauthentication_required  # type: ignore[untyped-decorator]
def end_others(request: SignedIn) -> HttpResponse:
    ended = operations.end_other_sessions(user=request.user, session_key=request.session.session_key or "")
    messages.success(request, f"Signed out elsewhere: {ended}." if ended else "You are signed in nowhere else.")
    return redirect("tenants:sessions")


@require_safe
@login_required
def log(request: SignedIn) -> HttpResponse:
    owner = require_owner(request.user)
    who = parsing.clean_search_text(request.GET.get("who", ""))
    rows = AccountEvent.objects.manageable_by(owner).by(who).select_related("user")
    return render(request, "tenants/accounts/account_log.html", {"who": who, **_page_events(request, rows)})


def _page_events(request: SignedIn, events: AccountEventQuerySet) -> dict[str, object]:
    return {"page": paging.find_asked_page(events, paging.NEWEST_FIRST, SIZE, request.GET.dict())}
