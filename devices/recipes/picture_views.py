"""The picture of a recipe, on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from devices.recipes import pictures
from devices.recipes.views import get_recipe
from lib.decorators import redirect_unless_posted
from lib.pictures import LARGEST, PRIVATE_JPEG
from tenants.access import require_owner

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from tenants.access import SignedIn


class PictureForm(forms.Form):
    picture = forms.FileField(error_messages={"required": "Choose a picture."})

    def read(self) -> bytes:
        upload: UploadedFile[bytes] = self.cleaned_data["picture"]
        return bytes(upload.read(LARGEST + 1))


@login_required
@redirect_unless_posted(back="devices:recipe")
def upload(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    chosen, form = get_recipe(user, pk), PictureForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(str(each) for each in form.errors["picture"]))
        return redirect("devices:recipe", pk=pk)
    try:
        pictures.keep(recipe=chosen, content=form.read(), by=user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "The picture is kept. Windows of its devices show it from now on.")
    return redirect("devices:recipe", pk=pk)


@login_required
@redirect_unless_posted(back="devices:recipe")
def remove(request: SignedIn, pk: int) -> HttpResponse:
    user = require_owner(request.user)
    if pictures.remove(recipe=get_recipe(user, pk), by=user):
        messages.success(request, "The picture is removed.")
    return redirect("devices:recipe", pk=pk)


@require_safe
@login_required
def picture(request: SignedIn, pk: int, digest: str) -> HttpResponse:
    data = pictures.find_picture(get_recipe(require_owner(request.user), pk).pk, digest)
    if data is None:
        raise Http404
    return HttpResponse(data, headers=PRIVATE_JPEG)
