"""The technician's pages: scan, wait for the press, place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe
from django_htmx.http import HttpResponseClientRedirect

from devices import streams
from devices.access import sees
from devices.connections import refused_attempts
from devices.identity import serials
from devices.models import Device
from devices.recipes import pictures
from devices.recipes.label_rules import find_names
from lib import origins
from lib.decorators import redirect_unless_posted
from lib.pictures import PRIVATE_JPEG
from lib.refusal_pages import show_in_form
from provisioning.models import Window, build_topic
from provisioning.windows import identify as blinking
from provisioning.windows import operations as windows
from provisioning.windows.access import find_labelled, find_scanned, get_window, read_scanned_facts
from provisioning.windows.forms import PlaceForm, ProofForm, ScanForm
from provisioning.windows.page import FRAGMENT, Progress, build_context, build_version
from provisioning.windows.proofs import prove_by_label, prove_presence
from tenants.access import require_technician
from tenants.models import Organisation, User

if TYPE_CHECKING:
    from uuid import UUID

    from django.http.response import HttpResponseBase

    from tenants.access import SignedIn
    from tenants.accounts.sessions import SignIn

# What is read as a label beside QR codes, as the scanner's decoder calls it.
FURTHER: dict[str, str] = {
    Organisation.LabelSymbology.DATA_MATRIX: "DataMatrix",
    Organisation.LabelSymbology.CODE_128: "DataMatrix Code128",
}


@require_GET
@login_required
@never_cache
def register(request: SignedIn) -> HttpResponse:
    require_technician(request.user)
    return _render_scanner(request, ScanForm(initial={"text": request.GET.get("serial", "")[: serials.MAX_LENGTH]}))


@login_required
@redirect_unless_posted(back="provisioning:register")
def scan(request: SignedIn) -> HttpResponse:
    """Open a window: it changes state, hence POST, and redirects to a page that may be reloaded."""
    user = require_technician(request.user)
    form = ScanForm(request.POST)
    if not form.is_valid():
        return _render_scanner(request, form, status=422)
    device = None
    with show_in_form(form) as refused:
        text, here = form.cleaned_data["text"], origins.list_label_origins(request)
        device, visible = find_scanned(user, text, origins=here)
        if device is None:
            return _render_scanner(request, form, status=409, visible=visible)
        facts = read_scanned_facts(user, text)
        window = windows.open_window(device=device, by=user, label=facts.without_secrets())
    if refused:
        barred = windows.find_barred(device, user) if device else None
        return _render_scanner(request, form, status=refused.status, barred=barred)
    if refusal := prove_by_label(window=window, by=user, token=facts.owner_token):
        messages.error(request, f"The label's claim code was not taken. {refusal}")
    return redirect("provisioning:window", key=window.key)


def _render_scanner(
    request: SignedIn,
    form: ScanForm,
    *,
    status: int = 200,
    visible: Device | None = None,
    barred: Device | None = None,
) -> HttpResponse:
    context = {"form": form, "mine": visible, "barred": barred, "label_origins": settings.SITE_URLS}
    if organisation := request.user.organisation:
        context["further_symbologies"] = FURTHER.get(organisation.label_symbology)
        names = find_names(organisation.pk).items()
        context["label_names"] = " ".join(f"{name}:{fact}" for name, fact in names if fact in ("serial", "dev_eui"))
    return render(request, "provisioning/windows/register.html", context, status=status)


@require_GET
@login_required
@never_cache
def window(request: SignedIn, key: UUID) -> HttpResponse:
    """Show the whole page, or for htmx the part that changes."""
    window = get_window(request.user, key)
    if window.state == Window.State.COMPLETED and not request.htmx and sees(request.user, window.device):
        return redirect("telemetry:dashboard", serial=window.device.serial)
    return _render_window(request, window)


@require_safe
@login_required
def picture(request: SignedIn, key: UUID, digest: str) -> HttpResponse:
    """Show where on the device to find what it asks for."""
    data = pictures.find_picture(get_window(request.user, key).device.version.recipe_id, digest)
    if data is None:
        raise Http404
    return HttpResponse(data, headers=PRIVATE_JPEG)


def _render_window(
    request: SignedIn,
    window: Window,
    form: PlaceForm | None = None,
    status: int = 200,
    proof: ProofForm | None = None,
) -> HttpResponse:
    device = windows.load_device(window)
    context = build_context(request.user, window, device, build_version(window, device), form, proof)
    return render(request, FRAGMENT if request.htmx else "provisioning/windows/window.html", context, status=status)


@streams.long_lived
@require_safe
@login_required
async def stream(request: SignedIn, key: UUID) -> HttpResponseBase:
    """Stream this window's progress with the page's fragment, and nothing of the device's telemetry."""

    def look(user: User, sign_in: SignIn) -> streams.Topic:
        refused = refused_attempts.build_topic(get_window(user, key).device_id)
        progress = Progress(sign_in.get_user, key, streams.read_shown(request), request.META.get("CSRF_COOKIE"))
        return streams.Topic(build_topic(key), progress.check, also=(refused,))

    return await streams.serve(request, look, eager=True)


@login_required
@redirect_unless_posted(back="provisioning:window")
def prove(request: SignedIn, key: UUID) -> HttpResponse:
    """Take the code that the window asks for; the page goes on to the form at once."""
    user = require_technician(request.user)
    window = get_window(user, key)
    proof = ProofForm(request.POST, method=window.method)
    if not proof.is_valid():
        return _render_window(request, window, status=422, proof=proof)
    with show_in_form(proof) as refused:
        prove_presence(window=window, by=user, code=proof.cleaned_data["code"])
    if refused:
        # With 429 the page would show nothing: that is a whole page's (htmx-config in base.html).
        return _render_window(request, get_window(user, key), status=409, proof=proof)
    return _render_window(request, get_window(user, key)) if request.htmx else redirect("provisioning:window", key=key)


@login_required
@redirect_unless_posted(back="provisioning:window")
def place(request: SignedIn, key: UUID) -> HttpResponse:
    user = require_technician(request.user)
    window = get_window(user, key)
    form = PlaceForm(request.POST, user=user, device=window.device, label=window.label)
    if not form.is_valid():
        return _render_window(request, window, form, status=422)
    with show_in_form(form) as refused:
        device = windows.finish_window(window=window, by=user, **form.cleaned_data)
    if refused:
        # Sent again, since its answer was lost on the way? Then the first one's message waits to be shown.
        if (done := windows.find_finished(window, **form.cleaned_data)) is None:
            return _render_window(request, get_window(user, key), form, status=refused.status)
        device = done
    else:
        link = format_html('<a href="{}">Another one here</a>', reverse("provisioning:register"))
        place = f"{device.group}, for {device.person} alone" if device.person else device.group
        messages.success(request, format_html("{} is placed in {}. {}", device.name, place, link))
    after = reverse("provisioning:register")  # of another person's, there is nothing to see
    if sees(user, device):
        after = reverse("telemetry:dashboard", kwargs={"serial": device.serial})
    return HttpResponseClientRedirect(after) if request.htmx else redirect(after)


@login_required
@redirect_unless_posted(back="provisioning:window")
def identify(request: SignedIn, key: UUID) -> HttpResponse:
    """Have the device show once more which one it is."""
    user = require_technician(request.user)
    blinking.identify(window=get_window(user, key), by=user)
    return _render_window(request, get_window(user, key)) if request.htmx else redirect("provisioning:window", key=key)


@login_required
@redirect_unless_posted(back="provisioning:window")
def cancel(request: SignedIn, key: UUID) -> HttpResponse:
    user = require_technician(request.user)
    if windows.cancel_window(window=get_window(user, key), by=user):
        messages.info(request, "Registration cancelled. Nothing was changed.")
    return redirect("provisioning:register")


@require_GET
@login_required
def label(request: SignedIn, serial: str) -> HttpResponse:
    """Lead on from a phone's own camera: to an owner's dashboard, a technician's register page, else the same 404."""
    device, visible = find_labelled(request.user, serial, origins=origins.list_label_origins(request))
    if visible:
        return redirect("telemetry:dashboard", serial=visible.serial)
    if device:
        return redirect(f"{reverse('provisioning:register')}?{urlencode({'serial': device.serial})}")
    raise Http404
