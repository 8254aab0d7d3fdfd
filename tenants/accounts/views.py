from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from lib import theme as colours
from tenants.access import get_organisation
from tenants.people import operations as people
from tenants.posted import posted

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenants.access import SignedIn

FOR_EVER = "private, max-age=31536000, immutable"


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "tenants/accounts/account.html")


@login_required
@posted(back="tenants:account")
def sign_out_everywhere(request: SignedIn) -> HttpResponse:
    people.sign_out_everywhere(user=request.user)
    logout(request)
    messages.success(request, "You are signed out everywhere, and your API tokens are revoked.")
    return redirect("account_login")


@login_required
@posted(back="tenants:account")
def leave(request: SignedIn) -> HttpResponse:
    try:
        people.expel(user=request.user, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("tenants:account")
    logout(request)
    messages.success(request, "You left the organisation. Your account stays, for whoever invites you next.")
    return redirect("account_login")


@require_safe
def theme(request: HttpRequest, slug: str, digest: str) -> HttpResponse:
    """The stylesheet of one's own organisation, at an address that changes with it."""
    organisation = get_organisation(request.user, slug)
    if organisation.theme_digest != digest:
        raise Http404
    content = colours.stylesheet(organisation.colour)
    return HttpResponse(content, content_type="text/css; charset=utf-8", headers={"Cache-Control": FOR_EVER})


@require_safe
def logo(request: HttpRequest, slug: str, digest: str) -> HttpResponse:
    """The logo of one's own organisation, at an address that changes with it."""
    organisation = get_organisation(request.user, slug)
    if not organisation.logo or organisation.logo_digest != digest:
        raise Http404
    return HttpResponse(bytes(organisation.logo), content_type="image/png", headers={"Cache-Control": FOR_EVER})
