"""Actions on many devices: how they go, what came of them, stopping and undoing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices import streams
from devices.access import get_action
from devices.bulk_actions import credentials_file, runner
from devices.bulk_actions.eligibility import CHANGE, WORDS, Params
from devices.bulk_actions.kinds import ACTS
from devices.credentials import deliveries
from devices.jobs import progress
from devices.models import Action, Delivery, Device, DeviceModel, Touched
from lib import key_wrapping, paging
from lib.streaming import attachment
from tenants import downloads
from tenants.access import require_admin
from tenants.models import Group, User
from tenants.posted import posted

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse, StreamingHttpResponse
    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn

PAGE = 30
LEFT = 50


@require_safe
@login_required
@never_cache
def action_list(request: SignedIn) -> HttpResponse:
    user = require_admin(request.user)
    rows = Action.objects.manageable_by(user).select_related("by", "undo_of")
    shown, older = paging.newest(rows, PAGE, before=request.GET.get("before", ""))
    return render(request, "devices/bulk_actions/actions.html", {"rows": shown, "older": older})


@require_safe
@login_required
@never_cache
def action(request: SignedIn, key: UUID) -> HttpResponse:
    """The whole page, or for htmx the part that changes."""
    return _shown(request, get_action(request.user, key))


def _shown(request: SignedIn, found: Action, *, status: int = 200, gone: str = "") -> HttpResponse:
    counts = Touched.objects.of(found).exclude(verdict__in=["", CHANGE]).order_by().values_list("verdict")
    left = Touched.objects.of(found).exclude(verdict__in=["", CHANGE]).order_by("device_id")[:LEFT]
    result = _result(request.user, found)
    known = {
        each.pk: each for each in Device.objects.visible_to(request.user).filter(pk__in=[t.device_id for t in left])
    }
    context = {
        "action": found,
        "act": ACTS[found.kind],
        "said": _said(request.user, found),
        **progress.shown(found),
        "fragment": "devices/bulk_actions/_action.html",
        "stream": "devices:action-stream",
        "reasons": [(WORDS[code], number) for code, number in counts.annotate(number=Count("pk"))],
        "left": [(known[each.device_id], WORDS[each.verdict]) for each in left if each.device_id in known],
        "undoable": Action.objects.manageable_by(request.user).undoable().filter(pk=found.pk).exists(),
        "undone": Action.objects.manageable_by(request.user).filter(undo_of=found).first(),
        "result": result,
        "departed": credentials_file.left(found, request.user) if result else 0,
        "gone": gone,
    }
    template = "devices/bulk_actions/_action.html" if request.htmx else "devices/bulk_actions/action.html"
    return render(request, template, context, status=status)


def _result(user: User, found: Action) -> Delivery | None:
    return None if found.is_working else Delivery.objects.of(user).takeable().filter(action=found).first()


def _said(user: User, found: Action) -> str:
    """What was asked for, in words."""
    params = Params(**found.params)
    if params.group:
        group = Group.objects.manageable_by(user).filter(pk=params.group).first()
        return f"into {group}" if group else ""
    if params.model:
        return str(DeviceModel.objects.visible_to(user).filter(pk=params.model).first() or "")
    return f"{params.tag}: {params.value}" if params.value else params.tag


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    return await progress.stream(request, get_action, key)


@login_required
@posted(back="devices:action")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    found = get_action(request.user, key)
    if not runner.cancel(action=found):
        messages.info(request, "It has ended already.")
    return redirect(found)


@login_required
@posted(back="devices:action")
def undo(request: SignedIn, key: UUID) -> HttpResponse:
    found = get_action(request.user, key)
    try:
        back = runner.undo(action=found, by=request.user)
    except runner.Changed:
        messages.error(request, "This can't be undone any more: it was undone already, or is too long ago.")
        return redirect(found)
    runner.carry_out(action=back)
    return redirect(back)


@login_required
@posted(back="devices:action")
@never_cache
@downloads.bounded
def result(request: SignedIn, key: UUID) -> HttpResponse | StreamingHttpResponse:
    """The secrets, once, to whoever had them made, of devices that they manage now."""
    found = get_action(request.user, key)
    delivery = Delivery.objects.of(request.user).filter(action=found).first()
    if delivery is None or found.is_working:
        return _shown(request, found, status=404)
    try:
        secret = credentials_file.take(action=found, by=request.user)
    except (deliveries.Gone, key_wrapping.Unsealable):
        return _shown(request, found, status=410, gone="taken")
    except credentials_file.NothingLeft as nothing:
        return _shown(request, found, status=410, gone=str(nothing))
    answer = attachment(
        credentials_file.lines(found, secret, request.user), f"credentials-{found.created_at:%Y-%m-%d}.csv"
    )
    answer["Cache-Control"] = "no-store"
    return answer
