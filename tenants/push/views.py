"""A person's browsers are told of what needs attention, or no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect

from lib import parsing, web_push
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants.accounts import known_devices
from tenants.accounts.events import device_name
from tenants.push import keys, operations
from tenants.push.forms import PushForm

if TYPE_CHECKING:
    from tenants.access import SignedIn


@login_required
@redirect_unless_posted(back="tenants:account")
def key(request: SignedIn) -> HttpResponse:
    """Answer with the public half of the site's key, with which a browser subscribes; it is made for the first."""
    return JsonResponse({"key": web_push.encode(web_push.write_point(keys.find_or_make_key()))})


@login_required
@redirect_unless_posted(back="tenants:account")
def subscribe(request: SignedIn) -> HttpResponse:
    form = PushForm(request.POST)
    if not form.is_valid():
        messages.error(request, operations.UNFIT)
        return redirect("tenants:account")
    with show_in_form(form) as refused:
        operations.subscribe(
            user=request.user,
            session=request.session.session_key or "",
            browser=known_devices.find_device(request, request.user.email) or "",
            device=device_name(request.headers.get("User-Agent", "")),
            **form.cleaned_data,
        )
    if refused:
        for text in form.non_field_errors():
            messages.error(request, str(text))
    else:
        messages.success(request, "This browser is told from now on.")
    return redirect("tenants:account")


@login_required
@redirect_unless_posted(back="tenants:account")
def remove(request: SignedIn) -> HttpResponse:
    if not operations.remove(user=request.user, pk=parsing.parse_whole_number(request.POST.get("browser", ""))):
        raise Http404
    messages.success(request, "That browser is told nothing more.")
    return redirect("tenants:account")
