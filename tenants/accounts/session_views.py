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
from tenants.access import require_owner
from tenants.accounts import sessions as operations
from tenants.models import AccountEvent
from tenants.posted import posted

if TYPE_CHECKING:
    from tenants.access import SignedIn
    from tenants.models import AccountEventQuerySet

SIZE = 50


@require_safe
@login_required
def sessions(request: SignedIn) -> HttpResponse:
    """The events beside the sessions are paged; the sessions of one person are few."""
    page = _page(request, AccountEvent.objects.of(request.user))
    return render(
        request, "tenants/accounts/sessions.html", {"sessions": operations.listing(request, request.user), **page}
    )


@login_required
@posted(back="tenants:sessions")
@reauthentication_required  # type: ignore[untyped-decorator]
def end(request: SignedIn) -> HttpResponse:
    """One of one's own, except this one: that is signing out."""
    if not operations.end(user=request.user, pk=parsing.whole(request.POST.get("session", ""))):
        raise Http404
    messages.success(request, "That browser is signed out.")
    return redirect("tenants:sessions")


@login_required
@posted(back="tenants:sessions")
@reauthentication_required  # type: ignore[untyped-decorator]
def end_others(request: SignedIn) -> HttpResponse:
    ended = operations.end_others(user=request.user, session_key=request.session.session_key or "")
    messages.success(request, f"Signed out elsewhere: {ended}." if ended else "You are signed in nowhere else.")
    return redirect("tenants:sessions")


@require_safe
@login_required
def log(request: SignedIn) -> HttpResponse:
    owner = require_owner(request.user)
    who = parsing.sought(request.GET.get("who", ""))
    rows = AccountEvent.objects.manageable_by(owner).by(who).select_related("user")
    return render(request, "tenants/accounts/account_log.html", {"who": who, **_page(request, rows)})


def _page(request: SignedIn, found: AccountEventQuerySet) -> dict[str, object]:
    """The newest, or those before the one that the address names."""
    rows, following = paging.newest(found, SIZE, before=request.GET.get("before", ""))
    return {"rows": rows, "following": following}
