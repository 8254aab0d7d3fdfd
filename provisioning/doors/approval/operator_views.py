"""The pages of devices that wait for approval: found by the code that they show, seen, let in or turned away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe
from django_htmx.http import HttpResponseClientRedirect

from devices import streams
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from provisioning.doors.approval import decisions
from provisioning.doors.approval.access import find_by_code, find_seen, get_operation, list_waiting
from provisioning.doors.approval.operator_forms import ApproveForm, FindForm
from provisioning.models import ProvisioningOperation, build_operations_topic
from tenants.access import require_technician
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.accounts.sessions import SignIn

State = ProvisioningOperation.State
SHOWN = 100  # that wait, the last first; more are found by their code
NOT_FOUND = "No device waits with this code. Compare it with the device: it may show a new one by now."
ENDED = {State.REGISTERED, State.CANCELLED, State.EXPIRED}


@require_GET
@login_required
@never_cache
def waiting(request: SignedIn) -> HttpResponse:
    """Show what waits; `?code=`, as a device's QR code has it, leads on to the one that shows it."""
    user = require_technician(request.user)
    text = request.GET.get("code", "")
    if text and (found := find_by_code(user, text)):
        address = reverse("provisioning:approval", kwargs={"key": found.key})
        return redirect(f"{address}?{urlencode({'code': str(found)})}")
    form = FindForm({"code": text}) if text else FindForm()
    if text and form.is_valid():
        form.add_error("code", NOT_FOUND)
    rows = list(list_waiting(user)[: SHOWN + 1])
    context = {"form": form, "rows": rows[:SHOWN], "more": len(rows) > SHOWN, "version": write_version(rows)}
    template = "_waiting.html" if request.htmx else "waiting.html"
    return render(request, f"provisioning/doors/{template}", context, status=404 if text else 200)


def write_version(rows: list[ProvisioningOperation]) -> str:
    """Return a text that changes whenever the list would."""
    return ".".join(str(each) for each in (len(rows), *(row.pk for row in rows)))[:200]


@streams.long_lived
@require_safe
@login_required
async def waiting_stream(request: SignedIn) -> HttpResponseBase:
    """Stream that something came to wait, or waits no more."""

    def look(user: User, sign_in: SignIn) -> streams.Topic:
        require_technician(user)
        return streams.Topic(build_operations_topic(user.organisation_id), partial(check_waiting, sign_in.get_user))

    return await streams.serve(request, look, spacing=1.0)


def check_waiting(get_user: Callable[[], User]) -> streams.Seen | None:
    try:
        rows = list(list_waiting(require_technician(get_user()))[: SHOWN + 1])
    except Http404:
        return None
    soon = min(((row.expires_at - row.now).total_seconds() for row in rows), default=None)
    return streams.Seen(write_version(rows), soon)


@require_GET
@login_required
@never_cache
def operation(request: SignedIn, key: UUID) -> HttpResponse:
    """Show the whole page, or for htmx the part that changes."""
    return _show(request, get_operation(request.user, key))


def _show(
    request: SignedIn, chosen: ProvisioningOperation, form: ApproveForm | None = None, *, status: int = 200
) -> HttpResponse:
    if form is None and chosen.state == State.PENDING:
        form = ApproveForm(user=request.user, operation=chosen, code=request.GET.get("code", "")[:40])
    seen = find_seen(request.user, chosen, chosen.identity)
    context = {"operation": chosen, "form": form, "seen": seen, "ended": chosen.state in ENDED}
    template = "_approval_operation.html" if request.htmx else "approval_operation.html"
    return render(request, f"provisioning/doors/{template}", context, status=status)


@streams.long_lived
@require_safe
@login_required
async def operation_stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    """Stream what becomes of the one that waits."""

    def look(user: User, sign_in: SignIn) -> streams.Topic:
        return streams.Topic(get_operation(user, key).topic, partial(check_operation, sign_in.get_user, key))

    return await streams.serve(request, look)


def check_operation(get_user: Callable[[], User], key: UUID) -> streams.Seen | None:
    try:
        chosen = get_operation(get_user(), key)
    except Http404:
        return None
    left = (chosen.expires_at - chosen.now).total_seconds()
    return streams.Seen(chosen.state, left, final=chosen.state in ENDED)


@login_required
@redirect_unless_posted(back="provisioning:approval")
def approve(request: SignedIn, key: UUID) -> HttpResponse:
    chosen = get_operation(request.user, key)
    form = ApproveForm(request.POST, user=request.user, operation=chosen)
    if not form.is_valid():
        return _show(request, chosen, form, status=422)
    with show_in_form(form) as refused:
        decisions.approve_operation(operation=chosen, by=request.user, **form.cleaned_data)
    if refused:
        # With 429 the page would show nothing: that is a whole page's (htmx-config in base.html).
        return _show(request, get_operation(request.user, key), form, status=min(refused.status, 422))
    address = reverse("provisioning:approval", kwargs={"key": key})
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@login_required
@redirect_unless_posted(back="provisioning:approval")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    if decisions.cancel_operation(operation=get_operation(request.user, key), by=request.user):
        messages.info(request, "Turned away. The device stops asking.")
    return redirect("provisioning:approvals")
