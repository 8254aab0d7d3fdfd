"""What a technician fills in. Choices start from what they may use; the server asks everything again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.identity import serials
from devices.models import Device, DeviceModel
from lib.fields import OneLineField
from provisioning.scanning import label_reader
from provisioning.windows import operations as windows
from tenants.models import Role
from tenants.picker import GroupField

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenants.models import User


NOT_A_LABEL = "This is {}, not a device label. Scan the QR code on the device, or type the serial below it."


class ScannedField(forms.CharField):
    """What scanners put around a text is no mistake of its sender."""

    def to_python(self, value: Any) -> str:
        return super().to_python(label_reader.clean(value or "").replace("\0", "\x01")) or ""


class ScanForm(forms.Form):
    """What a label says, scanned or typed; after validation `reading` holds the serials it may stand for."""

    text = ScannedField(
        max_length=label_reader.MAX_TEXT,
        error_messages={"required": "Scan the label, or type the serial that is printed on it."},
    )

    def __init__(self, *args: Any, origins: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.origins = origins
        self.reading = label_reader.Reading(())

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        try:
            self.reading = label_reader.read(text, origins=self.origins)
        except label_reader.NotALabel as error:
            raise forms.ValidationError(NOT_A_LABEL.format(error)) from None
        return text

    def refuse_ambiguous(self, serials_of_two: object) -> None:
        self.add_error(
            "text",
            f"This label names two devices, {serials_of_two}. "
            "Nothing was opened: type the serial that stands on the device itself.",
        )

    def refuse_busy(self, *, minutes: int) -> None:
        self.add_error(
            "text",
            f"Somebody else is registering this device, for another {max(minutes, 1)} min at most. "
            "Ask them to cancel, or scan it again then.",
        )

    def refuse_unknown(self, *, checked: bool) -> None:
        """`checked`: serials with check characters are among those that the label could have meant."""
        if self.reading.what:
            self.add_error("text", NOT_A_LABEL.format(self.reading.what))
        elif checked and serials.is_mistyped(self.reading.candidates[0]):
            self.add_error(
                "text",
                "There is no device with this serial that you can register, and its check characters don't fit: "
                "most likely a character is mistyped. Compare it with the label.",
            )
        else:
            self.add_error(
                "text",
                "There is no device with this serial that you can register. "
                "Compare it with the label, or ask an administrator whether the device is in your organisation.",
            )


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
    model = forms.ModelChoiceField(
        DeviceModel.objects.none(),
        empty_label="Choose a model…",
        error_messages={
            "required": "Choose the device's model.",
            "invalid_choice": "This model is not supported (any more). Choose another one.",
        },
    )

    def __init__(self, *args: Any, user: User, device: Device, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups: Any = self.fields["group"]
        listed = groups.offer(user, "place", recent=windows.placed_in(user))
        models: Any = self.fields["model"]
        models.queryset = DeviceModel.objects.visible_to(user).offered(keep=device.model_id)
        group = listed[0] if len(listed) == 1 else None
        self.initial = {"name": _known_name(device, user), "model": device.model_id, "group": group}


def _known_name(device: Device, user: User) -> str:
    """What another tenant calls its device is not for the technician who takes it over."""
    known = device.group is None or user.may(Role.VIEWER, device.group.path)
    return device.name if known else ""
