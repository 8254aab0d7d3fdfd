"""The settings of one's organisation. Its logo is changed in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from rest_framework import serializers
from rest_framework.response import Response

from lib import zones
from tenants.access import require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import Flag
from tenants.api.problems import convert_form_errors
from tenants.api.schema import describe_operation
from tenants.models import Organisation, Presence
from tenants.organisations import operations as organisations
from tenants.organisations.forms import SettingsForm, initial_values

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tenants.models import User

FORM = SettingsForm.base_fields


class SettingsShown(Serializer):
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(
        max_length=64, help_text="A name of the IANA database; also of times that devices report without a zone."
    )
    clock = serializers.ChoiceField(zones.Clock.choices, help_text="Hours of a day that pages show.")
    window_seconds = serializers.IntegerField(help_text="From the scan to the end of the form: 30 to 3600.")
    allow_reprovisioning = Flag(help_text=str(FORM["allow_reprovisioning"].label))
    presence = serializers.ChoiceField(
        Presence.choices, help_text="What proves that somebody is at the device, unless its recipe says otherwise."
    )
    skip_presence = Flag(help_text=str(FORM["skip_presence"].label))
    personal_devices = Flag(help_text=str(FORM["personal_devices"].label))
    require_two_factor = Flag(help_text=str(FORM["require_two_factor"].label))
    label_content = serializers.ChoiceField(Organisation.LabelContent.choices, help_text="What a label's QR code says.")
    label_symbology = serializers.ChoiceField(
        Organisation.LabelSymbology.choices, help_text="What the scanner reads as labels; other codes it names."
    )
    activation_hours = serializers.IntegerField(help_text="Until when a device has to connect: 1 to 87600.")
    result_hours = serializers.IntegerField(help_text="How long an import's result can be fetched: 1 to 720.")
    kept_days = serializers.IntegerField(
        allow_null=True,
        help_text="How long reports are kept, in days: 1 to 36500; null: for ever. What is older is deleted for good "
        "within a day; latest values and events stay.",
    )
    colour = serializers.CharField(max_length=7, help_text="# and six hex digits.")


class Settings(ApiView):
    @describe_operation("Organisation", "Read the settings", responses=SettingsShown)
    def get(self, request: Request) -> Response:
        """Read the settings. For admins of the whole organisation."""
        return Response(initial_values(_get_own_organisation(self.user)))

    @describe_operation("Organisation", "Change the settings", request=SettingsShown, responses=SettingsShown)
    def patch(self, request: Request) -> Response:
        """Change only what is sent. For admins of the whole organisation."""
        organisation = _get_own_organisation(self.user)
        sent = self.read(SettingsShown, partial=True)
        form = SettingsForm(initial_values(organisation) | sent)
        if not form.is_valid():
            raise convert_form_errors(form)
        changing = {name: value for name, value in form.settings().items() if name in sent}
        organisations.change(organisation=organisation, by=self.user, **changing)
        return Response(initial_values(_get_own_organisation(self.user)))


def _get_own_organisation(user: User) -> Organisation:
    organisation = require_owner(user).organisation
    if organisation is None:
        raise Http404
    organisation.refresh_from_db()
    return organisation
