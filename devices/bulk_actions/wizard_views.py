"""From a selection to an action: what to do, with what, what it would mean, and doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.bulk_actions import eligibility, runner
from devices.bulk_actions.forms import ConfirmForm, ParamsForm, params_form
from devices.bulk_actions.kinds import ACTS, list_acts
from devices.inventory import export as device_export
from devices.inventory.selection import Selection
from devices.refusals import SELECTION_CHANGED
from lib.refusal_pages import show_in_form
from lib.refusals import Refusal
from lib.streaming import make_csv_response
from tenants import downloads
from tenants.access import require_admin

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from tenants.access import SignedIn
    from tenants.models import User

SAMPLE = 5


@require_safe
@login_required
def manage(request: SignedIn) -> HttpResponse:
    """Show the device list, ready to select."""
    require_admin(request.user)
    return redirect(f"{reverse('devices:list')}?select=1")


@login_required
@never_cache
def act(request: SignedIn) -> HttpResponse:
    """Ask what to do and show what it means, changing nothing; posted to, since an address can't hold each
    selection."""
    user = require_admin(request.user)
    if request.method != "POST":
        return redirect("devices:manage")
    selection, kind = Selection(request.POST, user=user), request.POST.get("kind", "")
    if not selection.is_valid():
        return _refuse_selection(request, selection)
    if kind not in _list_kinds(user):
        return _ask_for_kind(request, selection)
    form = params_form(kind, user=user)
    if form.fields and "set" not in request.POST:
        return _ask_for_params(request, selection, kind, form)
    form = params_form(kind, request.POST, user=user)
    if not form.is_valid():
        return _ask_for_params(request, selection, kind, form, status=422)
    return _show_preview(request, selection, kind, form)


@login_required
@never_cache
def run(request: SignedIn) -> HttpResponse:
    """Do what was previewed; if that is not the same any more, show it anew."""
    user = require_admin(request.user)
    if request.method != "POST":
        return redirect("devices:manage")
    selection, kind = Selection(request.POST, user=user), request.POST.get("kind", "")
    if not selection.is_valid() or kind not in _list_kinds(user):
        return _refuse_selection(request, selection)
    form = params_form(kind, request.POST, user=user)
    if not form.is_valid():
        return _ask_for_params(request, selection, kind, form, status=422)
    preview = eligibility.preview(selection.devices(), kind, form.params())
    dangerous = ACTS[kind].dangerous and preview.changing > 1
    confirm = ConfirmForm(request.POST, number=preview.changing, dangerous=dangerous)
    if preview.digest != request.POST.get("digest", ""):
        return _show_preview(request, selection, kind, form, changed=Refusal(SELECTION_CHANGED))
    if not confirm.is_valid():
        return _show_preview(request, selection, kind, form, confirm)
    return _start(request, user, selection, kind, form, preview.digest)


def _start(
    request: SignedIn, user: User, selection: Selection, kind: str, form: ParamsForm, digest: str
) -> HttpResponse:
    with show_in_form(form) as refused:
        action = runner.start(
            kind=kind,
            params=form.params(),
            devices=selection.devices(),
            selection=selection.describe(),
            previewed=digest,
            by=user,
        )
    if refused:
        return _show_preview(request, selection, kind, form, changed=refused.refusal)
    runner.carry_out(action=action)
    return redirect(action)


@login_required
@never_cache
@downloads.limit_downloads
def export(request: SignedIn) -> HttpResponse | StreamingHttpResponse:
    """Send the selected devices as a CSV; posted to, since it leaves an event."""
    user = require_admin(request.user)
    if request.method != "POST":
        return redirect("devices:manage")
    selection = Selection(request.POST, user=user)
    if not selection.is_valid():
        return _refuse_selection(request, selection)
    devices = selection.devices()
    device_export.record_export(devices=devices, selection=selection.describe(), by=user)
    return make_csv_response(device_export.stream_registry(devices, user), "devices.csv")


def _list_kinds(user: User) -> set[str]:
    return {act.kind for act in list_acts(user)}


def _refuse_selection(request: SignedIn, selection: Selection) -> HttpResponse:
    return render(request, "devices/bulk_actions/wizard.html", {"step": "nothing", "selection": selection}, status=422)


def _ask_for_kind(request: SignedIn, selection: Selection) -> HttpResponse:
    try:
        sheets = f"{reverse('devices:sheets')}?{query}" if (query := selection.build_address()) else ""
    except NoReverseMatch:
        sheets = ""
    number = selection.devices().order_by().count()
    context = {
        "step": "choose",
        "selection": selection,
        "acts": list_acts(request.user),
        "sheets": sheets,
        "number": number,
    }
    return render(request, "devices/bulk_actions/wizard.html", context | {"outside": selection.count_outside()})


def _ask_for_params(
    request: SignedIn, selection: Selection, kind: str, form: ParamsForm, status: int = 200
) -> HttpResponse:
    number = selection.devices().order_by().count()
    context = {"step": "settings", "selection": selection, "act": ACTS[kind], "form": form, "number": number}
    return render(request, "devices/bulk_actions/wizard.html", context, status=status)


def _show_preview(
    request: SignedIn,
    selection: Selection,
    kind: str,
    form: ParamsForm,
    confirm: ConfirmForm | None = None,
    *,
    changed: Refusal | None = None,
) -> HttpResponse:
    devices = selection.devices()
    preview = eligibility.preview(devices, kind, form.params())
    first = eligibility.annotate_verdicts(devices.select_related("group", "model"), kind, form.params())
    sample = list(first.with_status().order_by("name", "pk")[:SAMPLE])
    dangerous = ACTS[kind].dangerous and preview.changing > 1
    asked = confirm or ConfirmForm(number=preview.changing, dangerous=dangerous)
    context = {
        "step": "preview",
        "selection": selection,
        "act": ACTS[kind],
        "form": form,
        "confirm": asked,
        "preview": preview,
        "sample": [(device, eligibility.WORDS[device.verdict]) for device in sample],
        "more": preview.total - len(sample),
        "outside": selection.count_outside(),
        "changed": changed,
        "later": preview.total > runner.AT_ONCE,
    }
    return render(
        request, "devices/bulk_actions/wizard.html", context, status=409 if changed else 422 if confirm else 200
    )
