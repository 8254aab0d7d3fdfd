"""Tokens for the API: everybody's own, and for admins those that reach into what they manage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from lib import origins
from lib.refusal_pages import show_in_form
from tenants.access import get_row
from tenants.models import ApiToken
from tenants.tokens import operations
from tenants.tokens.forms import TokenForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from tenants.access import SignedIn

SHOWN = 200


@require_safe
@login_required
@never_cache
def tokens(request: SignedIn) -> HttpResponse:
    return _page(request, TokenForm(user=request.user), status=200)


@require_POST
@login_required
@never_cache
def token_create(request: SignedIn) -> HttpResponse:
    """Create a token; the answer shows the secret, this once."""
    form = TokenForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, form, status=422)
    with show_in_form(form) as refused:
        issued = operations.create(by=request.user, **form.token_fields)
    if refused:
        return _page(request, form, status=refused.status)
    context = {"token": issued.token, "secret": issued.secret, "site": origins.get_site_origin(request)}
    return render(request, "tenants/tokens/token.html", context)


@require_POST
@login_required
def token_revoke(request: SignedIn, pk: int) -> HttpResponse:
    token = get_row(ApiToken.objects.visible_to(request.user).select_related("group", "user"), pk=pk)
    if operations.revoke(token=token, by=request.user):
        messages.success(request, f"{token} is revoked: programs that use it are refused from now on.")
    return redirect("tenants:tokens")


def _page(request: SignedIn, form: TokenForm, *, status: int) -> HttpResponse:
    """Show the live ones; the newest where there are very many."""
    live = ApiToken.objects.visible_to(request.user).live().select_related("user", "group")
    context = {"form": form, "tokens": live[:SHOWN], "reaches": bool(request.user.grants)}
    return render(request, "tenants/tokens/tokens.html", context, status=status)
