"""From a selection to an action: what to do, with what, what it would mean, and doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from devices.bulk_actions import eligibility, runner
from devices.bulk_actions.forms import ConfirmForm, ParamsForm, params_form
from devices.bulk_actions.kinds import ACTS
from devices.inventory import export as device_export
from devices.inventory.selection import Selection
from lib.streaming import attachment
from tenants import downloads
from tenants.access import require_admin

if TYPE_CHECKING:
    from tenants.access import SignedIn
    from tenants.models import User

SAMPLE = 5


@require_safe
@login_required
def manage(request: SignedIn) -> HttpResponse:
    """The device list, ready to select."""
    require_admin(request.user)
    return redirect(f"{reverse('devices:list')}?select=1")


@login_required
@never_cache
def act(request: SignedIn) -> HttpResponse:
    """Changes nothing; posted to, since a selection can be longer than an address."""
    user = require_admin(request.user)
    if request.method != "POST":
        return redirect("devices:manage")
    selection, kind = Selection(request.POST, user=user), request.POST.get("kind", "")
    if not selection.is_valid():
        return _nothing(request, selection)
    if kind not in ACTS:
        return _choose(request, selection)
    form = params_form(kind, user=user)
    if form.fields and "set" not in request.POST:
        return _settings(request, selection, kind, form)
    form = params_form(kind, request.POST, user=user)
    if not form.is_valid():
        return _settings(request, selection, kind, form, status=422)
    return _preview(request, selection, kind, form)


@login_required
@never_cache
def run(request: SignedIn) -> HttpResponse:
    """Does what was previewed; if that is not the same any more, shows it anew."""
    user = require_admin(request.user)
    if request.method != "POST":
        return redirect("devices:manage")
    selection, kind = Selection(request.POST, user=user), request.POST.get("kind", "")
    if not selection.is_valid() or kind not in ACTS:
        return _nothing(request, selection)
    form = params_form(kind, request.POST, user=user)
    if not form.is_valid():
        return _settings(request, selection, kind, form, status=422)
    preview = eligibility.preview(selection.devices(), kind, form.params())
    dangerous = ACTS[kind].dangerous and preview.changing > 1
    confirm = ConfirmForm(request.POST, number=preview.changing, dangerous=dangerous)
    if preview.digest != request.POST.get("digest", ""):
        return _preview(request, selection, kind, form, changed=True)
    if not confirm.is_valid():
        return _preview(request, selection, kind, form, confirm)
    return _start(request, user, selection, kind, form, preview.digest)


def _start(
    request: SignedIn, user: User, selection: Selection, kind: str, form: ParamsForm, digest: str
) -> HttpResponse:
    try:
        action = runner.start(
            kind=kind,
            params=form.params(),
            devices=selection.devices(),
            selection=selection.record(),
            previewed=digest,
            by=user,
        )
    except runner.Changed:
        return _preview(request, selection, kind, form, changed=True)
    runner.carry_out(action=action)
    return redirect(action)


@login_required
@never_cache
@downloads.bounded
def export(request: SignedIn) -> HttpResponse | StreamingHttpResponse:
    """Posted to, since it leaves an event."""
    user = require_admin(request.user)
    if request.method != "POST":
        return redirect("devices:manage")
    selection = Selection(request.POST, user=user)
    if not selection.is_valid():
        return _nothing(request, selection)
    devices = selection.devices()
    device_export.record_export(devices=devices, selection=selection.record(), by=user)
    return attachment(device_export.registry(devices, user), "devices.csv")


def _nothing(request: SignedIn, selection: Selection) -> HttpResponse:
    return render(request, "devices/bulk_actions/wizard.html", {"step": "nothing", "selection": selection}, status=422)


def _choose(request: SignedIn, selection: Selection) -> HttpResponse:
    try:
        sheets = f"{reverse('devices:sheets')}?{query}" if (query := selection.address()) else ""
    except NoReverseMatch:
        sheets = ""
    number = selection.devices().order_by().count()
    context = {"step": "choose", "selection": selection, "acts": ACTS.values(), "sheets": sheets, "number": number}
    return render(request, "devices/bulk_actions/wizard.html", context | {"outside": selection.outside()})


def _settings(request: SignedIn, selection: Selection, kind: str, form: ParamsForm, status: int = 200) -> HttpResponse:
    number = selection.devices().order_by().count()
    context = {"step": "settings", "selection": selection, "act": ACTS[kind], "form": form, "number": number}
    return render(request, "devices/bulk_actions/wizard.html", context, status=status)


def _preview(
    request: SignedIn,
    selection: Selection,
    kind: str,
    form: ParamsForm,
    confirm: ConfirmForm | None = None,
    *,
    changed: bool = False,
) -> HttpResponse:
    devices = selection.devices()
    preview = eligibility.preview(devices, kind, form.params())
    first = eligibility.judged(devices.select_related("group", "model"), kind, form.params())
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
        "outside": selection.outside(),
        "changed": changed,
        "later": preview.total > runner.AT_ONCE,
    }
    return render(
        request, "devices/bulk_actions/wizard.html", context, status=409 if changed else 422 if confirm else 200
    )
