"""Adding devices: one, a number of them, or a file of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from devices import imports
from devices.imports.add_devices_forms import FileForm, ManyForm, OneForm
from devices.lifecycle import assignments, register_with_credential, registration
from devices.models import Recipe
from tenants.access import require_owner
from tenants.posted import posted

if TYPE_CHECKING:
    from django.forms import Form
    from django.http import HttpResponse

    from devices.models import Import
    from tenants.access import SignedIn
    from tenants.models import User


class Way(NamedTuple):
    key: str
    icon: str
    title: str
    words: str


WAYS = (
    Way("file", "file-earmark-spreadsheet", "A CSV file", "Serials from the factory, or from another system."),
    Way("many", "hash", "A number of devices", "Handover makes as many serials as you need."),
    Way("one", "plus-lg", "One device", "Registered at once, its secret on the screen."),
)


@require_safe
@login_required
@never_cache
def new(request: SignedIn) -> HttpResponse:
    user, how = require_owner(request.user), request.GET.get("how", "")
    how = how if how in {way.key for way in WAYS} else WAYS[0].key
    return _page(request, how, _blank(how, user))


@login_required
@posted(back="devices:new")
def one(request: SignedIn) -> HttpResponse:
    """Registers at once, and answers with what can be read this once."""
    user = require_owner(request.user)
    form = OneForm(request.POST, user=user)
    added = _add(form, user) if form.is_valid() else None
    if added is None:
        return _page(request, "one", form, status=422)
    answer = render(request, "devices/imports/added.html", {"added": added, "device": added.device})
    answer["Cache-Control"] = "no-store"
    return answer


def _add(form: OneForm, user: User) -> register_with_credential.Added | None:
    try:
        return register_with_credential.add(by=user, **form.device)
    except registration.Taken:
        form.refuse_taken()
    except assignments.Moved:
        form.add_error("group", "This group can't take devices any more. Choose another one.")
    except ValidationError as error:
        form.refuse(error)
    return None


@login_required
@posted(back="devices:new")
def many(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    form = ManyForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, "many", form, status=422)
    try:
        importing = imports.count(by=user, **form.wanted)
    except ValidationError as error:
        form.refuse(error)
        return _page(request, "many", form, status=422)
    return redirect(importing)


@login_required
@posted(back="devices:new")
def upload(request: SignedIn) -> HttpResponse:
    user = require_owner(request.user)
    form = FileForm(request.POST, request.FILES, user=user)
    importing = _upload(form, user) if form.is_valid() else None
    if importing is None:
        return _page(request, "file", form, status=422)
    url = importing.get_absolute_url()
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _upload(form: FileForm, user: User) -> Import | None:
    file = form.cleaned_data["file"]
    try:
        return imports.upload(by=user, version=form.version, name=file.name, chunks=file.chunks())
    except imports.Unreadable as error:
        form.add_error("file", error.cause)
    return None


def _blank(how: str, user: User) -> Form:
    forms: dict[str, type[FileForm | ManyForm | OneForm]] = {"file": FileForm, "many": ManyForm, "one": OneForm}
    return forms[how](user=user)


def _page(request: SignedIn, how: str, form: Form, status: int = 200) -> HttpResponse:
    context = {
        "ways": WAYS,
        "how": how,
        "form": form,
        "recipes": Recipe.objects.manageable_by(request.user).filter(retired_at=None).exists(),
        "max_bytes": settings.IMPORT_MAX_BYTES,
    }
    template = "devices/imports/_add_devices.html" if request.htmx else "devices/imports/add_devices.html"
    return render(request, template, context, status=status)
