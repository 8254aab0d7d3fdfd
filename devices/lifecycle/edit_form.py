"""What an admin writes about one device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from devices.inventory.filters import PLAIN
from lib import names
from lib.fields import OneLineField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.models import Device

MOST = 50


class EditForm(forms.Form):
    name = OneLineField(label="Name", max_length=120, error_messages={"required": "Give the device a name."})
    description = forms.CharField(
        label="Description", max_length=500, required=False, widget=forms.Textarea({"rows": 3})
    )
    tags = forms.CharField(
        label="Tags",
        max_length=8_000,
        required=False,
        help_text="One on each line, as key: value.",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
    )

    def __init__(self, data: Mapping[str, str] | None, *, device: Device) -> None:
        tags = "\n".join(f"{key}: {value}" for key, value in device.tags.items())
        initial = {"name": device.name, "description": device.description, "tags": tags}
        super().__init__(data, initial=initial, auto_id="edit-%s", use_required_attribute=False)

    def clean_tags(self) -> dict[str, str]:
        tags: dict[str, str] = {}
        for line in filter(str.strip, self.cleaned_data["tags"].splitlines()):
            key, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not value or not PLAIN.fullmatch(key) or len(key) > 60 or len(value) > 120:
                raise forms.ValidationError(f"Write “{line.strip()[:40]}” as key: value; the key begins with a letter.")
            if key in tags:
                raise forms.ValidationError(f"The tag “{key}” stands here twice.")
            tags[key] = names.one_line(value)
        if len(tags) > MOST:
            raise forms.ValidationError(f"A device has {MOST} tags at most.")
        return tags
