from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import RegexValidator

from lib import pictures, theme, zones
from lib.fields import OneLineField
from lib.stored_form import StoredForm
from tenants.models import Organisation, Presence
from tenants.organisations.operations import SETTINGS

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

COLOUR = RegexValidator(r"^#[0-9a-f]{6}\Z", "Give a colour as # and six hex digits, such as #0f5cc0.")


class SettingsForm(StoredForm):
    name = OneLineField(max_length=120, label="Name", help_text="As people read it at the top of every page.")
    time_zone = forms.ChoiceField(
        choices=zones.list_choices,
        label="Time zone",
        help_text="Of pages and files, for people who chose none; and of times that devices report without one.",
    )
    clock = forms.ChoiceField(choices=zones.Clock.choices, label="Clock")
    window_seconds = forms.IntegerField(
        min_value=30,
        max_value=3600,
        label="Window length, in seconds",
        help_text="How long a technician has from the scan to the end of the form: 30 to 3600.",
    )
    allow_reprovisioning = forms.BooleanField(
        required=False,
        label="Devices that are in a group may be registered again",
        help_text="The group that has the device loses it at that moment, and its history with it.",
    )
    presence = forms.ChoiceField(
        choices=Presence.choices,
        label="Proof of presence",
        help_text="What shows that a technician stands at the device. A recipe may ask for something else.",
    )
    skip_presence = forms.BooleanField(
        required=False,
        label="Technicians too may register devices for which nothing is asked",
        help_text="Otherwise admins alone may, into the groups that they manage.",
    )
    personal_devices = forms.BooleanField(
        required=False,
        label="A device may be one person's",
        help_text="Of its group then only that person sees it, and the admins. Turned off, no further one is given to "
        "anybody; whose one is keeps it.",
    )
    require_two_factor = forms.BooleanField(
        required=False,
        label="Everybody signs in with two factors",
        help_text="Who has not set it up is led to do so, and reaches nothing before; nor do their API tokens.",
    )
    label_content = forms.ChoiceField(
        choices=Organisation.LabelContent.choices,
        label="QR code of a label",
        help_text="With the address, a phone's own camera opens the right page too.",
    )
    label_symbology = forms.ChoiceField(
        choices=Organisation.LabelSymbology.choices,
        label="Codes that the scanner reads as labels",
        help_text="For devices that come with another code of their maker's. What is not chosen is named and not read.",
    )
    activation_hours = forms.IntegerField(
        min_value=1,
        max_value=87_600,
        label="Activation time, in hours",
        help_text="A device that has not connected until then expires, where its recipe says so.",
    )
    result_hours = forms.IntegerField(
        min_value=1,
        max_value=720,
        label="Downloads with secrets, in hours",
        help_text="An import's result can be fetched once, within this time.",
    )
    kept_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=36_500,
        label="Days that reports are kept",
        help_text="Empty: for ever. What any device reported before is deleted for good within a day: "
        "charts, files and the API then show nothing of it. Latest values, events and this journal stay.",
    )
    colour = forms.CharField(
        max_length=7,
        label="Colour",
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text="Buttons and links. Text on it and beside it is kept readable by itself.",
    )
    logo = forms.FileField(
        required=False, label="Logo", help_text="A PNG of 1 MB and 4 megapixels at most; it is kept smaller."
    )
    remove_logo = forms.BooleanField(required=False, label="Remove the logo")

    def clean_colour(self) -> str:
        colour = str(self.cleaned_data["colour"]).lower()
        COLOUR(colour)
        return colour

    def clean_logo(self) -> bytes | None:
        upload: UploadedFile[bytes] | None = self.cleaned_data["logo"]
        if upload is None:
            return None
        content = upload.read(pictures.LARGEST + 1)
        theme.validate_logo(content)
        return bytes(content)

    def settings(self) -> dict[str, Any]:
        """Return what `organisations.change` takes, of what was touched; the logo only if it is to change."""
        changes = {name: value for name, value in self.changes.items() if name in {"name", *SETTINGS}}
        if changes["logo"] is None and not self.cleaned_data["remove_logo"]:
            del changes["logo"]
        return changes


def initial_values(organisation: Organisation) -> dict[str, Any]:
    stored = {name: getattr(organisation, name) for name in SETTINGS if name != "logo"}
    return {"name": organisation.name, **stored}
