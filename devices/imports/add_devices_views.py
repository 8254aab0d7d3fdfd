"""Adding devices: one, a number of them, or a file of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from devices import imports
from devices.credentials import presence_secrets
from devices.imports.add_devices_forms import FileForm, ManyForm, OneForm
from devices.lifecycle import register_with_credential
from devices.recipes.operations import find_available_recipes
from lib.decorators import redirect_unless_posted
from lib.refusal_pages import show_in_form
from tenants.access import require_owner

if TYPE_CHECKING:
    from django.forms import Form
    from django.http import HttpResponse

    from tenants.access import SignedIn
    from tenants.models import User


class Way(NamedTuple):
    key: str
    icon: str
    title: str
    words: str


WAYS = (
    Way("file", "file-earmark-spreadsheet", "A file", "CSV or Excel, from the factory or another system."),
    Way("many", "hash", "A number of devices", "Handover makes as many serials as you need."),
    Way("one", "plus-lg", "One device", "Added at once, its secret on the screen."),
)


@require_safe
@login_required
@never_cache
def new(request: SignedIn) -> HttpResponse:
    user, how = require_owner(request.user), request.GET.get("how", "")
    how = how if how in {way.key for way in WAYS} else WAYS[0].key
    return _page(request, how, _make_blank_form(how, user))


@login_required
@redirect_unless_posted(back="devices:new")
def one(request: SignedIn) -> HttpResponse:
    """Add the device at once, and answer with its secret, which can be read this once."""
    user = require_owner(request.user)
    form = OneForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, "one", form, status=422)
    with show_in_form(form) as refused:
        added = register_with_credential.add_device(by=user, **form.device)
    if refused:
        return _page(request, "one", form, status=refused.status)
    shown = {"added": added, "device": added.device}
    shown["wanted"] = "" if added.device.group_id else presence_secrets.find_wanted_secret(added.device.version)
    answer = render(request, "devices/imports/added.html", shown)
    answer["Cache-Control"] = "no-store"
    return answer


@login_required
@redirect_unless_posted(back="devices:new")
def many(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    form = ManyForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, "many", form, status=422)
    with show_in_form(form) as refused:
        importing = imports.count(by=user, **form.count_arguments)
    return _page(request, "many", form, status=refused.status) if refused else redirect(importing)


@login_required
@redirect_unless_posted(back="devices:new")
def upload(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    form = FileForm(request.POST, request.FILES, user=user)
    if not form.is_valid():
        return _page(request, "file", form, status=422)
    file = form.cleaned_data["file"]
    with show_in_form(form) as refused:
        importing = imports.upload(by=user, version=form.version, name=file.name, chunks=file.chunks())
    if refused:
        return _page(request, "file", form, status=refused.status)
    url = importing.get_absolute_url()
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _make_blank_form(how: str, user: User) -> Form:
    forms: dict[str, type[FileForm | ManyForm | OneForm]] = {"file": FileForm, "many": ManyForm, "one": OneForm}
    return forms[how](user=user)


def _page(request: SignedIn, how: str, form: Form, status: int = 200) -> HttpResponse:
    context = {
        "ways": WAYS,
        "how": how,
        "form": form,
        "recipes": find_available_recipes(request.user).exists(),
        "max_bytes": settings.IMPORT_MAX_BYTES,
    }
    template = "devices/imports/_add_devices.html" if request.htmx else "devices/imports/add_devices.html"
    return render(request, template, context, status=status)
