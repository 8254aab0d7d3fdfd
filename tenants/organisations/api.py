"""The settings of one's organisation. Its logo is changed in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from tenants.access import require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.problems import refused
from tenants.api.schema import described
from tenants.models import Organisation
from tenants.organisations import operations as organisations
from tenants.organisations.forms import SettingsForm, initial

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

FORM = SettingsForm.base_fields


class SettingsShown(Serializer):
    name = serializers.CharField(max_length=120)
    window_seconds = serializers.IntegerField(help_text="From the scan to the end of the form: 30 to 3600.")
    allow_reprovisioning = serializers.BooleanField(help_text=str(FORM["allow_reprovisioning"].label))
    require_two_factor = serializers.BooleanField(help_text=str(FORM["require_two_factor"].label))
    label_content = serializers.ChoiceField(Organisation.LabelContent.choices, help_text="What a label's QR code says.")
    activation_hours = serializers.IntegerField(help_text="Until when a device has to connect: 1 to 87600.")
    result_hours = serializers.IntegerField(help_text="How long an import's result can be fetched: 1 to 720.")
    colour = serializers.CharField(max_length=7, help_text="# and six hex digits.")


class Settings(ApiView):
    @described("Organisation", "Read the settings", responses=SettingsShown)
    def get(self, request: Request) -> Response:
        """For admins of the whole organisation."""
        return Response(initial(_mine(self.user)))

    @described("Organisation", "Change the settings", request=SettingsShown, responses=SettingsShown)
    def patch(self, request: Request) -> Response:
        """Only what is sent changes. For admins of the whole organisation."""
        mine = _mine(self.user)
        given = self.read(SettingsShown, partial=True)
        form = SettingsForm(initial(mine) | given)
        if not form.is_valid():
            raise refused(form)
        changing = {name: value for name, value in form.settings().items() if name in given}
        organisations.change(organisation=mine, by=self.user, **changing)
        return Response(initial(_mine(self.user)))


def _mine(user: User) -> Organisation:
    organisation = require_owner(user).organisation
    if organisation is None:
        raise Http404
    organisation.refresh_from_db()
    return organisation
