from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import theme as colours
from lib.decorators import redirect_unless_posted
from tenants.access import get_organisation
from tenants.accounts.clock import choose_clock, choose_mails
from tenants.accounts.clock_form import ClockForm
from tenants.models import PushSubscription
from tenants.people import operations as people

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenants.access import SignedIn

FOR_EVER = "private, max-age=31536000, immutable"


@require_safe
@login_required
def account(request: SignedIn) -> HttpResponse:
    user = request.user
    return _page(request, ClockForm({"time_zone": user.time_zone, "clock": user.clock}, organisation=user.organisation))


@login_required
@redirect_unless_posted(back="tenants:account")
def save_clock(request: SignedIn) -> HttpResponse:
    form = ClockForm(request.POST, organisation=request.user.organisation)
    if not form.is_valid():
        return _page(request, form, status=422)
    choose_clock(user=request.user, **form.cleaned_data)
    messages.success(request, "Saved: times are shown so from now on.")
    return redirect("tenants:account")


def _page(request: SignedIn, form: ClockForm, *, status: int = 200) -> HttpResponse:
    browsers = PushSubscription.objects.of(request.user)
    return render(request, "tenants/accounts/account.html", {"form": form, "browsers": browsers}, status=status)


@login_required
@redirect_unless_posted(back="tenants:account")
def save_mails(request: SignedIn) -> HttpResponse:
    """Keep what the box says: a box that is not ticked is not sent."""
    choose_mails(user=request.user, attention=request.POST.get("attention") == "on")
    messages.success(request, "Saved.")
    return redirect("tenants:account")


@login_required
@redirect_unless_posted(back="tenants:account")
def sign_out_everywhere(request: SignedIn) -> HttpResponse:
    people.sign_out_everywhere(user=request.user)
    logout(request)
    messages.success(request, "You are signed out everywhere, and your API tokens are revoked.")
    return redirect("account_login")


@login_required
@redirect_unless_posted(back="tenants:account")
def leave(request: SignedIn) -> HttpResponse:
    people.expel(user=request.user, by=request.user)
    logout(request)
    messages.success(request, "You left the organisation. Your account stays, for whoever invites you next.")
    return redirect("account_login")


@require_safe
def theme(request: HttpRequest, slug: str, digest: str) -> HttpResponse:
    """Serve the stylesheet of one's own organisation, at an address that changes with it."""
    organisation = get_organisation(request.user, slug)
    if organisation.theme_digest != digest:
        raise Http404
    content = colours.render_stylesheet(organisation.colour)
    return HttpResponse(content, content_type="text/css; charset=utf-8", headers={"Cache-Control": FOR_EVER})


@require_safe
def logo(request: HttpRequest, slug: str, digest: str) -> HttpResponse:
    """Serve the logo of one's own organisation, at an address that changes with it."""
    organisation = get_organisation(request.user, slug)
    if not organisation.logo or organisation.logo_digest != digest:
        raise Http404
    return HttpResponse(bytes(organisation.logo), content_type="image/png", headers={"Cache-Control": FOR_EVER})
