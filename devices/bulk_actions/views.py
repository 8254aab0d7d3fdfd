"""Actions on many devices: how they go, what came of them, stopping and undoing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices import refusals, streams
from devices.access import get_action, get_import
from devices.bulk_actions import credentials_file, runner
from devices.bulk_actions.changes import start_changes
from devices.bulk_actions.eligibility import CHANGE, WORDS, Params
from devices.bulk_actions.kinds import ACTS
from devices.jobs import progress
from devices.models import BulkAction, Delivery, Device, DeviceModel, Recipe, Touched
from lib import paging
from lib.decorators import redirect_unless_posted
from lib.refusals import Refusal
from lib.streaming import make_csv_response
from tenants import downloads
from tenants.access import require_admin, require_owner
from tenants.models import Group, User

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
    rows = BulkAction.objects.manageable_by(user).select_related("by", "undo_of")
    page = paging.find_asked_page(rows, paging.NEWEST_FIRST, PAGE, request.GET.dict())
    return render(request, "devices/bulk_actions/actions.html", {"page": page})


@require_safe
@login_required
@never_cache
def show_action(request: SignedIn, key: UUID) -> HttpResponse:
    """Show the whole page, or for htmx the part that changes."""
    return _render_action(request, get_action(request.user, key))


def _render_action(request: SignedIn, action: BulkAction, *, status: int = 200) -> HttpResponse:
    counts = Touched.objects.of(action).exclude(verdict__in=["", CHANGE]).order_by().values_list("verdict")
    left = Touched.objects.of(action).exclude(verdict__in=["", CHANGE]).order_by("device_id")[:LEFT]
    result = _find_result(request.user, action)
    known = {
        device.pk: device
        for device in Device.objects.visible_to(request.user).filter(pk__in=[touched.device_id for touched in left])
    }
    context = {
        "action": action,
        "act": ACTS[action.kind],
        "said": _describe_params(request.user, action),
        **progress.build_context(action),
        "fragment": "devices/bulk_actions/_action.html",
        "stream": "devices:action-stream",
        "reasons": [(WORDS[code], number) for code, number in counts.annotate(number=Count("pk"))],
        "left": [(known[touched.device_id], WORDS[touched.verdict]) for touched in left if touched.device_id in known],
        "undoable": BulkAction.objects.manageable_by(request.user).undoable().filter(pk=action.pk).exists(),
        "undone": BulkAction.objects.manageable_by(request.user).filter(undo_of=action).first(),
        "result": result,
        "departed": credentials_file.count_departed(action, request.user) if result else 0,
    }
    template = "devices/bulk_actions/_action.html" if request.htmx else "devices/bulk_actions/action.html"
    return render(request, template, context, status=status)


def _find_result(user: User, action: BulkAction) -> Delivery | None:
    return None if action.is_working else Delivery.objects.of(user).takeable().filter(action=action).first()


def _describe_params(user: User, action: BulkAction) -> str:
    """Return what was asked for, in words."""
    params = Params(**action.params)
    if params.group:
        group = Group.objects.manageable_by(user).filter(pk=params.group).first()
        return f"into {group}" if group else ""
    if params.model:
        return str(DeviceModel.objects.visible_to(user).filter(pk=params.model).first() or "")
    if params.version:
        recipe = Recipe.objects.manageable_by(user).filter(versions=params.version).first()
        return f"{recipe}, version {recipe.versions.get(pk=params.version).number}" if recipe else ""
    return f"{params.tag}: {params.value}" if params.value else params.tag


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    return await progress.stream(request, get_action, key)


@login_required
@redirect_unless_posted(back="devices:action")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    action = get_action(request.user, key)
    if not runner.cancel(action=action):
        raise Refusal(refusals.JOB_ENDED)
    return redirect(action)


@login_required
@redirect_unless_posted(back="devices:import")
def change(request: SignedIn, key: UUID) -> HttpResponse:
    """Carry out what the check of an import found."""
    user = require_owner(request.user)
    action = start_changes(importing=get_import(user, key), by=user)
    runner.carry_out(action=action)
    return redirect(action)


@login_required
@redirect_unless_posted(back="devices:action")
def undo(request: SignedIn, key: UUID) -> HttpResponse:
    action = get_action(request.user, key)
    back = runner.undo(action=action, by=request.user)
    runner.carry_out(action=back)
    return redirect(back)


@login_required
@redirect_unless_posted(back="devices:action")
@never_cache
@downloads.limit_downloads
def take_result(request: SignedIn, key: UUID) -> HttpResponse | StreamingHttpResponse:
    """Hand over the secrets, once, to whoever had them made, of devices that they manage now."""
    action = get_action(request.user, key)
    delivery = Delivery.objects.of(request.user).filter(action=action).first()
    if delivery is None or action.is_working:
        return _render_action(request, action, status=404)
    secret = credentials_file.take_key(action=action, by=request.user)
    answer = make_csv_response(
        credentials_file.stream_rows(action, secret, request.user),
        f"credentials-{action.created_at:%Y-%m-%d}.csv",
        for_programs=True,
    )
    answer["Cache-Control"] = "no-store"
    return answer
