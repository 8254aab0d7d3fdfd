"""What a technician fills in. Choices start from what they may use; the server asks everything again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.access import sees
from devices.credentials.presence_secrets import LONGEST_CODE
from devices.identity import label_text
from devices.lifecycle.person_field import PersonField
from devices.models import Device, DeviceModel
from devices.recipes import label_rules
from lib.fields import OneLineField, RowField
from provisioning.presence.methods import CODES
from provisioning.windows import operations as windows
from tenants.picker import GroupField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.models import Organisation, User


LAST_GROUP = "As with the last device that you registered."


class ScannedField(forms.CharField):
    """Clean what scanners put around a text: no mistake of its sender."""

    def to_python(self, value: Any) -> str:
        return super().to_python(label_text.clean_text(value or "").replace("\0", "\x01")) or ""


class ScanForm(forms.Form):
    """Take what a label says, scanned or typed."""

    text = ScannedField(
        max_length=label_text.MAX_TEXT,
        error_messages={"required": "Scan the label, or type the serial that is printed on it."},
    )


class ProofForm(forms.Form):
    """Take the code that the window asks for."""

    code = forms.CharField(max_length=LONGEST_CODE, error_messages={"required": "Enter the code."})

    def __init__(self, *args: Any, method: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = CODES.get(method)
        if asked:
            self.fields["code"].label, self.fields["code"].help_text = asked.label, asked.help_text


class PlaceForm(forms.Form):
    name = OneLineField(
        max_length=120,
        help_text="What people at the site call it.",
        error_messages={"required": "Give the device a name."},
    )
    group = GroupField(
        empty_label="Choose a group…",
        error_messages={
            "required": "Choose where the device is installed.",
            "invalid_choice": "This group can't take the device (any more). Choose another one.",
        },
    )
    person = PersonField()
    model = RowField(
        DeviceModel.objects.none(),
        empty_label="Choose a model…",
        error_messages={
            "required": "Choose the device's model.",
            "invalid_choice": "This model is not supported (any more). Choose another one.",
        },
    )

    def __init__(
        self, *args: Any, user: User, device: Device, label: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        groups: Any = self.fields["group"]
        recent = windows.list_recent_groups(user)
        choices = groups.offer(user, "place", recent=recent)
        self._offer_people(user, device.organisation)
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.visible_to(user).available(keep=device.model_id)
        group = choices[0] if len(choices) == 1 else recent[0].pk if recent else None
        if group and len(choices) != 1:
            groups.help_text = LAST_GROUP
        self.initial = {"name": _choose_name(device, user), "model": device.model_id, "group": group}
        self.told_model = label_rules.find_model(device.organisation_id, label or {})
        if self.told_model:
            models.required, models.empty_label = False, f"{self.told_model}, as the label says"
            self.initial["model"] = None

    def _offer_people(self, user: User, organisation: Organisation) -> None:
        """Ask whose it is where the organisation wants that; what is sent unasked is refused by the operation."""
        if not organisation.personal_devices and not self.data.get("person"):
            del self.fields["person"]
            return
        people: Any = self.fields["person"]
        people.offer(user)

    def clean_model(self) -> DeviceModel | None:
        """Return what was chosen, else what the label says."""
        return self.cleaned_data["model"] or self.told_model


def _choose_name(device: Device, user: User) -> str:
    """Return the name, unless another tenant's or person's: that is not for the technician who takes it over."""
    return device.name if device.group is None or sees(user, device) else ""
